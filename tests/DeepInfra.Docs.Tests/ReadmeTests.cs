// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text.RegularExpressions;
using DeepInfra.Testing;

namespace DeepInfra.Docs.Tests;

/// <summary>The root README against the repository.</summary>
public sealed partial class ReadmeTests
{
    private static readonly string s_root = RepositoryRoot.Path;

    private static readonly string s_readme = File.ReadAllText(Path.Combine(s_root, "README.md"));

    [Fact]
    public void Snippets_AreRegionsOfTheQuickStart()
    {
        var source = File.ReadAllText(Path.Combine(s_root, "samples/QuickStart/Program.cs"));
        var regions = SourceRegion()
            .Matches(source)
            .ToDictionary(m => m.Groups["name"].Value, m => Dedent(m.Groups["code"].Value));

        var snippets = ReadmeSnippet().Matches(s_readme);

        snippets.Should().NotBeEmpty();
        foreach (Match snippet in snippets)
            snippet.Groups["code"].Value.Trim().Should().Be(regions[snippet.Groups["name"].Value]);
        CodeFence()
            .Count(s_readme)
            .Should()
            .Be(snippets.Count, "every C# block is a checked snippet");
    }

    [Fact]
    public void QuickStart_Runs()
    {
        var folder = Path.Combine(s_root, "artifacts/bin/QuickStart/release");
        Assert.SkipUnless(
            File.Exists(Path.Combine(folder, "QuickStart.dll")),
            "samples/QuickStart is not built in Release; ./build.sh test builds it"
        );
        var work = Directory.CreateTempSubdirectory("deepinfra-quickstart");

        using var process = Process.Start(
            new ProcessStartInfo("dotnet", [Path.Combine(folder, "QuickStart.dll")])
            {
                WorkingDirectory = work.FullName,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
        var output = process.StandardOutput.ReadToEnd();
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();

        process.ExitCode.Should().Be(0, errors);
        output
            .Should()
            .StartWith("512.00\n")
            .And.Contain("makespan")
            .And.Contain("BFloat16[2,1,16,512] on cpu");
        File.ReadAllText(Path.Combine(work.FullName, "dualpipe.svg")).Should().StartWith("<svg");
        work.Delete(recursive: true);
    }

    [Fact]
    public void Links_ToFilesExist()
    {
        var targets = RelativeLink().Matches(s_readme).Select(m => m.Groups["path"].Value).ToList();

        targets.Should().NotBeEmpty();
        targets.Should().OnlyContain(t => File.Exists(Path.Combine(s_root, t)));
    }

    [Fact]
    public void Readme_HasAtMost250Lines() =>
        s_readme.Split('\n').Length.Should().BeLessThanOrEqualTo(250);

    private static string Dedent(string code)
    {
        var lines = code.TrimEnd().Split('\n').SkipWhile(string.IsNullOrWhiteSpace).ToList();
        var indent = lines
            .Where(l => l.Trim().Length > 0)
            .Min(l => l.Length - l.TrimStart().Length);
        return string.Join('\n', lines.Select(l => l.Length >= indent ? l[indent..] : l.Trim()));
    }

    [GeneratedRegex(@"// snippet: (?<name>\w+)\n(?<code>.*?)\n\s*// end", RegexOptions.Singleline)]
    private static partial Regex SourceRegion();

    [GeneratedRegex(
        @"<!-- snippet: (?<name>\w+) -->\n```csharp\n(?<code>.*?)```",
        RegexOptions.Singleline
    )]
    private static partial Regex ReadmeSnippet();

    [GeneratedRegex("```csharp")]
    private static partial Regex CodeFence();

    [GeneratedRegex(@"\]\((?<path>[\w./-]+\.md)\)")]
    private static partial Regex RelativeLink();
}
