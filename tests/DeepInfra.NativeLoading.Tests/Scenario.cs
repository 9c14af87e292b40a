// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using DeepInfra.NativeLoading.Tests.Fakes;
using DeepInfra.Testing;

namespace DeepInfra.NativeLoading.Tests;

/// <summary>
/// Tests that only make sense in a process of their own, with a certain environment: methods with <see cref="ScenarioTestAttribute"/>,
/// which <see cref="ScenarioProcess"/> runs there.
/// </summary>
internal static class Scenario
{
    private const string Variable = "DEEPINFRA_TEST_SCENARIO";

    // What the machine running the tests happens to set must not leak into the scenarios.
    private static readonly string[] s_cleared =
    [
        "DEEPINFRA_CUDA",
        "DEEPINFRA_NATIVE_PATH",
        "DEEPINFRA_NVRTC_PATH",
        "DEEPINFRA_CACHE_DIR",
        "DEEPINFRA_JIT_DUMP",
        "DEEPINFRA_DEBUG_SYNC",
    ];

    /// <summary>Leaves the test out unless this process was started for its scenario.</summary>
    public static void Require(string name)
    {
        if (Environment.GetEnvironmentVariable(Variable) != name)
            throw new OtherScenarioException();
    }

    /// <summary>Runs the tests of a class in a child process.</summary>
    /// <param name="name">The scenario that the tests require.</param>
    /// <param name="tests">The class.</param>
    /// <param name="variables">The environment.</param>
    public static Task RunAsync(
        string name,
        Type tests,
        params (string Name, string? Value)[] variables
    ) => RunThroughAsync([], name, tests, variables);

    /// <summary>Runs the tests of a class in a child process that another program starts.</summary>
    /// <param name="launcher">The program with its arguments; the command line follows them.</param>
    /// <param name="name">The scenario that the tests require.</param>
    /// <param name="tests">The class.</param>
    /// <param name="variables">The environment.</param>
    public static async Task RunThroughAsync(
        IReadOnlyList<string> launcher,
        string name,
        Type tests,
        params (string Name, string? Value)[] variables
    )
    {
        var environment = s_cleared.ToDictionary(v => v, string? (_) => null);
        environment[Variable] = name;
        foreach (var (variable, value) in variables)
            environment[variable] = value;
        var result = await ChildProcess.RunSelfAsync(
            [ScenarioProcess.Option, tests.FullName!],
            environment,
            launcher: launcher
        );
        if (result.ExitCode != 0)
            Assert.Fail(
                $"Exit code {result.ExitCode}:\n{result.StandardOutput}\n{result.StandardError}"
            );
    }

    /// <summary>Runs the tests of a class in a child process that finds the fake driver, compiled into a folder.</summary>
    /// <param name="directory">The folder for the driver.</param>
    /// <param name="name">The scenario that the tests require.</param>
    /// <param name="tests">The class.</param>
    /// <param name="variables">The environment.</param>
    public static async Task RunOnFakeDriverAsync(
        TempDirectory directory,
        string name,
        Type tests,
        params (string Name, string? Value)[] variables
    )
    {
        await FakeLibrary.CopyDriverAsync(directory.Combine("libcuda.so.1"));
        await RunAsync(name, tests, [("LD_LIBRARY_PATH", directory.Path), .. variables]);
    }

    /// <summary>Skips the test on a machine with a real driver, which would be found in place of none.</summary>
    public static void RequireNoDriver() =>
        Assert.SkipWhen(
            NativeLibrary.TryLoad("libcuda.so.1", out _),
            "this machine has a CUDA driver"
        );
}
