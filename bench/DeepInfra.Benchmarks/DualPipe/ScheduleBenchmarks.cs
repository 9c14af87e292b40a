// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Simulation;
using DeepInfra.DualPipe.Validation;

namespace DeepInfra.Benchmarks.DualPipe;

/// <summary>Generation, validation and simulation of a large schedule. Targets: 50 ms, 200 ms, 1 M actions/s.</summary>
[MemoryDiagnoser]
public class ScheduleBenchmarks
{
    private const int Ranks = 64;
    private const int MicroBatches = 512;
    private PipelineSchedule _schedule = null!;

    [Params("DualPipe", "1F1B", "ZBVZeroBubble")]
    public string Schedule { get; set; } = "";

    [GlobalSetup]
    public void Setup() => _schedule = ScheduleCatalog.Create(Schedule, Ranks, MicroBatches);

    [Benchmark]
    public PipelineSchedule Generate() => ScheduleCatalog.Create(Schedule, Ranks, MicroBatches);

    [Benchmark]
    public ValidationReport Validate() => ScheduleValidator.Validate(_schedule);

    [Benchmark]
    public SimulationResult Simulate() => ScheduleSimulator.Simulate(_schedule);
}
