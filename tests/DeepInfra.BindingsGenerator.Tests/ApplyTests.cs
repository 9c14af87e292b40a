// SPDX-License-Identifier: MIT
using DeepInfra.Testing;

namespace DeepInfra.BindingsGenerator.Tests;

public sealed class ApplyTests
{
    private static readonly Dictionary<string, string> s_files = new()
    {
        ["a/one.cs"] = "one\n",
        ["two.inc"] = "two\n",
    };

    [Fact]
    public void Apply_Twice_WritesOnlyWhatDiffers()
    {
        using var root = new TempDirectory();

        Generator.Apply(s_files, root.Path, checkOnly: false).Should().HaveCount(2);
        File.WriteAllText(Path.Combine(root.Path, "two.inc"), "edited\n");

        Generator.Apply(s_files, root.Path, checkOnly: false).Should().Equal("two.inc");
        File.ReadAllText(Path.Combine(root.Path, "two.inc")).Should().Be("two\n");
    }

    [Fact]
    public void Apply_CheckOnly_ReportsAndWritesNothing()
    {
        using var root = new TempDirectory();

        Generator.Apply(s_files, root.Path, checkOnly: true).Should().HaveCount(2);

        Directory.EnumerateFileSystemEntries(root.Path).Should().BeEmpty();
    }

    [Fact]
    public void Generate_HeadersOfTheCheckout_GiveWhatIsCheckedIn()
    {
        var clang = Clang.Find();
        Assert.SkipUnless(clang is not null, "needs clang 14 or newer");
        var areas = AreaConfig.Load(Path.Combine(AppContext.BaseDirectory, "areas.json"));

        foreach (var area in areas)
        {
            var files = Generator.Generate(area, RepositoryRoot.Path, clang!);
            Generator.FindAbiProblem(area, files, RepositoryRoot.Path).Should().BeNull();
            Generator.Apply(files, RepositoryRoot.Path, checkOnly: true).Should().BeEmpty();
        }
    }
}
