// SPDX-License-Identifier: MIT
using DeepInfra.Testing;

namespace DeepInfra.NativeLoading.Tests;

/// <summary>Runs the tests of error paths on a driver that fails on demand.</summary>
public sealed class DriverErrorTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public Task FailingCalls_AreTypedExceptions() => RunAsync("errors", typeof(FailingDriver));

    [Fact]
    public Task LostDevice_StaysLost() => RunAsync("lost", typeof(LostDevice));

    [Fact]
    public Task OldDevice_RefusesWhatItCannotRun() =>
        RunAsync("ampere", typeof(OldDevice), ("FAKE_major", "8"));

    [Fact]
    public Task DebugSync_NamesTheKernel() =>
        RunAsync("sync", typeof(DebugSyncScenario), ("DEEPINFRA_DEBUG_SYNC", "1"));

    private Task RunAsync(
        string scenario,
        Type tests,
        params (string Name, string? Value)[] variables
    ) => Scenario.RunOnFakeDriverAsync(_directory, scenario, tests, variables);
}
