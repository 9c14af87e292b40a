// SPDX-License-Identifier: MIT
using DeepInfra.Core.Interop;

namespace DeepInfra.Testing;

/// <summary>Where the build puts the simulator.</summary>
public static class Simulator
{
    /// <summary>Runs tests in a child process on the simulator; skips the test where there is none.</summary>
    public static async Task RunAsync(
        IEnumerable<string> classes,
        params (string Name, string? Value)[] variables
    )
    {
        Assert.SkipWhen(
            CudaApi.IsSimulatorSelected,
            "this process runs on the simulator already, and so do the tests"
        );
        var folder = FindFolder();
        Assert.SkipWhen(folder is null, "needs the CUDA simulator: ./build.sh simulator");
        var environment = new Dictionary<string, string?>
        {
            [CudaApi.SelectVariable] = "sim",
            [NativeLibraryProbe.PathVariable] = folder,
        };
        foreach (var (name, value) in variables)
            environment[name] = value;

        var result = await ChildProcess.RunSelfAsync(
            [.. classes.SelectMany(c => new[] { "--filter-class", c }), "--progress", "off"],
            environment,
            TimeSpan.FromMinutes(5)
        );

        if (result.ExitCode != 0)
            Assert.Fail(
                $"Exit code {result.ExitCode}:\n{result.StandardOutput}\n{result.StandardError}"
            );
        // Skipped tests would hide a simulator that does not load.
        Assert.Contains("skipped: 0", result.StandardOutput, StringComparison.Ordinal);
    }

    private static string? FindFolder()
    {
        NativeLibraries.UseBuilt();
        var file = NativeLibraryProbe.FileName(CudaApi.SimulatorName);
        return NativeLibraryProbe.Folders().FirstOrDefault(f => File.Exists(Path.Combine(f, file)));
    }
}
