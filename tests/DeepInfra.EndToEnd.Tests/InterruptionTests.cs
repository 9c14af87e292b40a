// SPDX-License-Identifier: MIT
using EndToEnd;

namespace DeepInfra.EndToEnd.Tests;

/// <summary>Ctrl-C: exit code 130, nothing half-written, and the next run on the same folder is not disturbed.</summary>
public sealed class InterruptionTests : IDisposable
{
    private readonly DemoProcess _demo = new();

    public void Dispose() => _demo.Dispose();

    [Fact]
    public async Task Interrupt_DuringTextPreparation_StopsAndCleansUp()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs kill");

        var result = await _demo.InterruptAsync(Phases.Prepare);

        result.ExitCode.Should().Be(130, result.StandardError);
        result.StandardError.Should().StartWith("Cancelled in phase 'prepare text with Pond'");
        _demo.Leftovers.Should().BeEmpty();
        File.Exists(_demo.Report).Should().BeFalse();
    }

    [Fact]
    public Task Interrupt_StartTrainCheckpointAndDecode_LeavesAFolderThatTheNextRunFinishes() =>
        InterruptAsync(Phases.Start, Phases.Train, Phases.Save, Phases.Decode);

    [Fact]
    [Trait("Category", "Slow")]
    public Task Interrupt_EachPhase_LeavesAFolderThatTheNextRunFinishes() =>
        InterruptAsync([.. Phases.All]);

    private async Task InterruptAsync(params string[] phases)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs kill");
        var data = _demo.Combine("data");
        string[] arguments =
        [
            "--input",
            _demo.CreateInput(
                "a.jsonl",
                SampleText.Lines(SampleText.Take(SampleText.EnoughDocuments))
            ),
            "--data",
            data,
            "--report",
            _demo.Report,
        ];
        using var host = DemoHost.Start(_demo.Temporary);
        foreach (var phase in phases)
        {
            // Some phases take a moment only, and the machine may be busy: the signal can come too late.
            var result = await host.RunAsync(phase, arguments);
            for (var attempt = 0; result.ExitCode == 0 && attempt < 5; attempt++)
                result = await host.RunAsync(phase, arguments);

            result.ExitCode.Should().Be(130, $"{phase}: {result.StandardError}");
            result.StandardError.Should().StartWith("Cancelled in phase '");
            Directory.EnumerateFileSystemEntries(data).Should().Equal(Path.Combine(data, "3fs"));
            _demo.Leftovers.Should().BeEmpty();
        }

        File.Delete(_demo.Report);
        var last = await host.RunAsync(null, arguments);

        last.ExitCode.Should().Be(0, last.StandardOutput + last.StandardError);
        last.StandardOutput.Should().MatchRegex("all [0-9]+ checks passed");
        File.ReadAllText(_demo.Report).Should().EndWith("</html>");
    }
}
