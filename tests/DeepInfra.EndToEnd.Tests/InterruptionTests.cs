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
    [Trait("Category", "Slow")]
    public async Task Interrupt_DuringAnyPhase_LeavesAFolderThatTheNextRunFinishes()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs kill");
        var data = _demo.Combine("data");
        foreach (
            var phase in new[]
            {
                Phases.Upload,
                Phases.CheckGradients,
                Phases.Train,
                Phases.Save,
                Phases.Prefill,
                Phases.Offload,
                Phases.Decode,
            }
        )
        {
            var result = await _demo.InterruptAsync(phase, "--tokens", "1", "--data", data);

            // The last phases take a moment only: the run may have been over before the signal.
            if (result.ExitCode != 0)
            {
                result.ExitCode.Should().Be(130, $"{phase}: {result.StandardError}");
                result.StandardError.Should().StartWith("Cancelled in phase ");
            }
            Directory.EnumerateFileSystemEntries(data).Should().Equal(Path.Combine(data, "3fs"));
            _demo.Leftovers.Should().BeEmpty();
        }

        var last = await _demo.RunAsync("--tokens", "1", "--data", data);

        last.ExitCode.Should().Be(0, last.StandardOutput + last.StandardError);
        last.StandardOutput.Should().MatchRegex("all [0-9]+ checks passed");
        File.ReadAllText(_demo.Report).Should().EndWith("</html>");
    }
}
