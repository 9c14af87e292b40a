// SPDX-License-Identifier: MIT
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace DeepInfra.Fs.Tests;

public sealed class FileSystemPathTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("/", "")]
    [InlineData("a", "a")]
    [InlineData("/a//b/./c/", "a/b/c")]
    [InlineData("a/...", "a/...")]
    [InlineData("..a", "..a")]
    public void Normalize_Valid_GivesTheCanonicalForm(string path, string expected)
    {
        FileSystemPath.Normalize(path).Should().Be(expected);
    }

    [Theory]
    [InlineData("a", "b", "a/b")]
    [InlineData("", "b", "b")]
    [InlineData("a/", "/b", "a/b")]
    [InlineData("a", "", "a")]
    public void Combine_TwoPaths_JoinsThem(string left, string right, string expected)
    {
        FileSystemPath.Combine(left, right).Should().Be(expected);
    }

    [Theory]
    [InlineData("a/b/c", "a/b", "c")]
    [InlineData("/a", "", "a")]
    [InlineData("", "", "")]
    public void GetParentAndName_Path_SplitsAtTheLastSlash(string path, string parent, string name)
    {
        FileSystemPath.GetParent(path).Should().Be(parent);
        FileSystemPath.GetName(path).Should().Be(name);
    }

    [Property(MaxTest = 200)]
    public Property Normalize_Twice_ChangesNothing(NonNull<string> path)
    {
        string? once = null;
        try
        {
            once = FileSystemPath.Normalize(path.Get);
        }
        catch (ArgumentException)
        {
            // Not a path.
        }

        return (once is null || FileSystemPath.Normalize(once) == once).ToProperty();
    }
}
