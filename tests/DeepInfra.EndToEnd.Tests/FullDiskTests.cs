// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Checkpoints;
using DeepInfra.Testing;
using EndToEnd;
using EndToEnd.Etl;

namespace DeepInfra.EndToEnd.Tests;

/// <summary>
/// A disk that is full, at different times, and the run after it, when there is room. The cluster keeps 256 MiB of the disk free
/// for itself.
/// </summary>
public sealed class FullDiskTests : IDisposable
{
    private readonly TempDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public Task Run_NoRoomForTheText_SaysSoAndTheNextRunPasses() =>
        FillThenRunAgainAsync(257, Phases.Upload);

    [Fact]
    [Trait("Category", "Slow")]
    public Task Run_NoRoomForTheCheckpoint_SaysSoAndTheNextRunPasses() =>
        FillThenRunAgainAsync(310, Phases.Train);

    private async Task FillThenRunAgainAsync(int mebibytes, string phase)
    {
        using var disk = await SmallDisk.CreateOrSkipAsync(mebibytes);
        var input = Directory.CreateDirectory(_folder.Combine("input")).FullName;
        File.WriteAllText(
            Path.Combine(input, "a.jsonl"),
            SampleText.Lines(SampleText.Take(SampleText.EnoughDocuments))
        );
        var report = _folder.Combine("report.html");
        string[] arguments =
        [
            "--input",
            input,
            "--report",
            report,
            "--data",
            Path.Combine(disk.Path, "data"),
        ];
        using var host = DemoHost.Start(disk.Path, disk.Launcher);

        var first = await host.RunAsync(null, arguments);

        first.ExitCode.Should().Be(Application.Broken, first.StandardError);
        first.StandardError.Should().StartWith($"Failed in phase '{phase}': ");
        first.StandardError.Should().ContainAny("NoSpace", "No space", "no space");
        first.StandardError.Should().NotContain("   at ");
        File.Exists(report).Should().BeFalse();
        var data = Path.Combine(disk.PathFromOutside, "data");
        Directory.EnumerateFileSystemEntries(data).Select(Path.GetFileName).Should().Equal("3fs");
        await ShouldHoldOnlyWholeFilesAsync(
            Path.Combine(data, "3fs"),
            new FileInfo(Path.Combine(input, "a.jsonl")).Length
        );

        await disk.ResizeAsync(2048);
        var second = await host.RunAsync(null, arguments);

        second
            .ExitCode.Should()
            .Be(Application.Passed, second.StandardOutput + second.StandardError);
        second.StandardOutput.Should().MatchRegex("all [0-9]+ checks passed");
        File.ReadAllText(report).Should().EndWith("</html>");
    }

    /// <summary>What the failed run has written is there as a whole, or not under its final name.</summary>
    private static async Task ShouldHoldOnlyWholeFilesAsync(string folder, long textBytes)
    {
        await using var cluster = await DemoCluster.StartAsync(data: folder);
        // Text is copied under another name and renamed when all of it is there.
        var text = await cluster.Files.TryStatAsync($"{RawText.Folder}/a.jsonl");
        (text?.Length ?? textBytes).Should().Be(textBytes);
        // The first checkpoint is the one that found no room: without its manifest it does not exist.
        (await new CheckpointStore(cluster.Files, "/checkpoints").ListAsync())
            .Should()
            .BeEmpty();
    }
}
