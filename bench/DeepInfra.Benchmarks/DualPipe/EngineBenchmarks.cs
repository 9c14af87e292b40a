// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.DualPipe.Execution;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Stages;

namespace DeepInfra.Benchmarks.DualPipe;

/// <summary>
/// A step of stages that cost nothing: the engine's own time. Divide by the actions of a rank (705 for 2
/// ranks, about 960 for 4) for the time per action. Targets: below 5 us batched, 3 us eager.
/// </summary>
[MemoryDiagnoser]
public class EngineBenchmarks
{
    private const int MicroBatches = 200;
    private LocalPipelineGroup _group = null!;
    private StepInputs _inputs = null!;

    [Params(2, 4)]
    public int Ranks { get; set; }

    [Params(CommunicationMode.Eager, CommunicationMode.Batched)]
    public CommunicationMode Mode { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _group = LocalPipelineGroup.Create(
            PipelineSchedules.DualPipe(Ranks, MicroBatches),
            l => new SyntheticStage(SyntheticCosts.Zero, l.StageCount),
            new PipelineOptions { CommunicationMode = Mode }
        );
        _inputs = new StepInputs { Loss = new SyntheticLoss(Ranks) };
    }

    [GlobalCleanup]
    public async Task CleanupAsync() => await _group.DisposeAsync();

    [Benchmark]
    public async Task StepAsync() => (await _group.StepAsync(_inputs)).Dispose();
}
