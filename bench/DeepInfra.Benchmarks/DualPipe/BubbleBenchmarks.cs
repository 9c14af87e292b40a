// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Engines;
using DeepInfra.DualPipe.Execution;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Stages;

namespace DeepInfra.Benchmarks.DualPipe;

/// <summary>
/// Step time of every schedule with stages that wait instead of computing (F = I = W = 2 ms, F&amp;B = 6 ms;
/// half of that per stage where a rank hosts two stages of one model), beside the simulator's makespan in
/// its own column. Target: within 3 % + 2 ms.
/// </summary>
[Config(typeof(Config))]
[SimpleJob(RunStrategy.Monitoring, warmupCount: 2, iterationCount: 15)]
public class BubbleBenchmarks
{
    private LocalPipelineGroup _group = null!;
    private StepInputs _inputs = null!;

    [Params("GPipe", "1F1B", "ZB1P", "ZBVZeroBubble", "DualPipe", "DualPipeV")]
    public string Schedule { get; set; } = "";

    [Params(2, 4, 8)]
    public int Ranks { get; set; }

    [Params(2, 3)]
    public int MicroBatchesPerRank { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var schedule = Create(Schedule, Ranks, MicroBatchesPerRank);
        _group = LocalPipelineGroup.Create(
            schedule,
            l => new SyntheticStage(Costs(schedule), l.StageCount)
        );
        _inputs = new StepInputs { Loss = new SyntheticLoss(schedule.StageCount) };
    }

    [GlobalCleanup]
    public async Task CleanupAsync() => await _group.DisposeAsync();

    [Benchmark]
    public async Task StepAsync() => (await _group.StepAsync(_inputs)).Dispose();

    internal static PipelineSchedule Create(string name, int ranks, int perRank) =>
        ScheduleCatalog.Create(name, ranks, ranks * perRank);

    internal static SyntheticCosts Costs(PipelineSchedule schedule) =>
        schedule.StageCount > schedule.RankCount
            ? SyntheticCosts.FromMilliseconds(1, 1, 1)
            : SyntheticCosts.FromMilliseconds(2, 2, 2);

    private sealed class Config : ManualConfig
    {
        public Config() => AddColumn(new SimulatedMakespanColumn());
    }
}
