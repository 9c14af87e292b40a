// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using DeepInfra.Core.Interop;

namespace DeepInfra.Testing;

/// <summary>When tests run on the simulator, and where the build puts it.</summary>
public static partial class Simulator
{
    private const string Trait = "Category=Sim";

    /// <summary>
    /// Makes this process use the simulator, the one of the checkout unless the environment names another. The choice is the process's and
    /// must be made before the first use of a device.
    /// </summary>
    /// <param name="devices">Number of devices, unless <c>DEEPINFRA_CUDASIM_DEVICES</c> says another.</param>
    public static void Select(int devices)
    {
        NativeLibraries.UseBuilt();
        Environment.SetEnvironmentVariable(CudaApi.SelectVariable, "sim");
        // The simulator reads the environment of C, which the runtime does not change.
        if (OperatingSystem.IsLinux())
            _ = SetEnvironment("DEEPINFRA_CUDASIM_DEVICES", $"{devices}", 0);
    }

    /// <summary>
    /// <see cref="Select"/>, if <c>DEEPINFRA_CUDA=sim</c> says so or if the command line chooses the tests that run on the simulator
    /// (<c>--filter Category=Sim</c>) and no GPU is required.
    /// </summary>
    /// <param name="devices">As for <see cref="Select"/>.</param>
    public static void SelectIfAskedFor(int devices)
    {
        var chosen = Environment.GetEnvironmentVariable(CudaApi.SelectVariable);
        if (
            chosen is null or ""
                ? !GpuRequirement.IsGpuRequired && IsTraitChosen()
                : chosen == "sim"
        )
            Select(devices);
    }

    // By --filter, --filter-trait or --filter-query, whose values may be more than the trait.
    private static bool IsTraitChosen()
    {
        var arguments = Environment.GetCommandLineArgs();
        return arguments
            .Zip(arguments.Skip(1))
            .Any(a =>
                a.First is "--filter" or "--filter-trait" or "--filter-query"
                && a.Second.Contains(Trait, StringComparison.OrdinalIgnoreCase)
            );
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetEnvironment(string name, string value, int overwrite);

    /// <summary>
    /// Runs tests in a child process on the simulator, so that a run without it covers them, too; skips the calling test where there is
    /// none, and in a process on the simulator, where the tests run by themselves.
    /// </summary>
    public static Task RunUnlessSimulatedAsync(
        IEnumerable<string> classes,
        params (string Name, string? Value)[] variables
    )
    {
        Assert.SkipWhen(
            CudaApi.IsSimulatorSelected,
            "this process runs on the simulator already, and so do the tests"
        );
        return RunAsync(classes, variables);
    }

    /// <summary>Runs tests in a child process on the simulator; skips the calling test where there is none.</summary>
    public static async Task RunAsync(
        IEnumerable<string> classes,
        params (string Name, string? Value)[] variables
    )
    {
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
