// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Execution;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Tensors;
using DeepInfra.DualPipe.Tests.Fixtures;

namespace DeepInfra.DualPipe.Tests.Execution;

[Collection(SerialCollection.Name)]
public sealed class MemoryTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("DualPipe", 4, 12)]
    [InlineData("DualPipeV", 3, 7)]
    [InlineData("1F1B", 4, 8)]
    [InlineData("ZB1P", 4, 8)]
    [InlineData("ZBVZeroBubble", 3, 7)]
    public async Task StepAsync_ManySteps_ReleasesEveryTensorAndStaysWithinBound(
        string name,
        int ranks,
        int microBatches
    )
    {
        var schedule = ScheduleCatalog.Create(name, ranks, microBatches);
        var model = new TinyModel(schedule.StageCount, width: 16);
        var inputs = model.Inputs(schedule);
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => model.CreateStage(l.Stage)
        );
        var before = PipelineTensor.LiveCount;

        for (var i = 0; i < 3; i++)
        {
            (await group.StepAsync(inputs, Token)).Dispose();
            for (var rank = 0; rank < ranks; rank++)
            {
                var executor = group.Runners[rank].Executor;
                executor
                    .PeakLiveActivations.Should()
                    .BeLessThanOrEqualTo(
                        DeepInfra.DualPipe.Validation.ResourceCheck.ActivationBound(schedule, rank)
                    );
                executor.LiveActivations.Should().Be(0);
                executor.PendingWeights.Should().Be(0);
            }

            (await group.StepAsync(inputs with { ForwardOnly = true }, Token)).Dispose();
        }

        PipelineTensor.LiveCount.Should().Be(before);
    }

    [Fact]
    public async Task StepAsync_FailedSteps_LeakNothing()
    {
        var schedule = PipelineSchedules.DualPipe(4, 8);
        var model = new TinyModel(4, width: 16);
        var inputs = model.Inputs(schedule);
        var calls = 0;
        var limit = 0;
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => new ProbeStage(
                model.CreateStage(l.Stage),
                (_, _, _) =>
                {
                    if (Interlocked.Increment(ref calls) == limit)
                    {
                        throw new InvalidTimeZoneException("boom");
                    }
                }
            )
        );
        var before = PipelineTensor.LiveCount;
        for (limit = 1; limit <= 74; limit += 7)
        {
            calls = 0;
            await FluentActions
                .Awaiting(() => group.StepAsync(inputs with { ReturnOutputs = true }, Token))
                .Should()
                .ThrowAsync<PipelineStepException>();
            await group.ResetAsync();

            PipelineTensor.LiveCount.Should().Be(before, $"after a failure at call {limit}");
        }
    }

    [Theory]
    [InlineData(CommunicationMode.Eager)]
    [InlineData(CommunicationMode.Batched)]
    public async Task StepAsync_WarmEngine_AllocatesNothingBetweenActions(CommunicationMode mode)
    {
        // 200 micro-batches; rank threads compare their own allocation counters between stage calls.
        var schedule = PipelineSchedules.DualPipe(4, 200);
        var watch = new AllocationWatch(4);
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => new WatchedStage(
                new SyntheticStage(SyntheticCosts.Zero, l.StageCount),
                watch,
                l.Rank
            ),
            new PipelineOptions { CommunicationMode = mode }
        );
        var inputs = EngineTests.SyntheticInputs(4);

        // Pools grow to the largest number of messages under way, which depends on timing: the engine is
        // warm when a step needed no more, and an allocation per action would never let that happen.
        var quietSteps = 0;
        for (var i = 0; i < 50 && quietSteps == 0; i++)
        {
            watch.Start();
            (await group.StepAsync(inputs, Token)).Dispose();
            quietSteps += watch.Allocated.All(bytes => bytes == 0) ? 1 : 0;
        }

        quietSteps.Should().Be(1);
    }

    private sealed class AllocationWatch(int ranks)
    {
        private readonly long[] _first = new long[ranks];
        private readonly long[] _last = new long[ranks];

        public IEnumerable<long> Allocated => _last.Zip(_first, (l, f) => l - f);

        public void Start()
        {
            Array.Clear(_first);
            Array.Clear(_last);
        }

        public void Tick(int rank)
        {
            var now = GC.GetAllocatedBytesForCurrentThread();
            if (_first[rank] == 0)
            {
                _first[rank] = now;
            }

            _last[rank] = now;
        }
    }

    private sealed class WatchedStage(SyntheticStage inner, AllocationWatch watch, int rank)
        : IPipelineStage
    {
        public bool SupportsSplitBackward => true;

        public StageForwardResult Forward(in StageForwardContext context)
        {
            watch.Tick(rank);
            return inner.Forward(context);
        }

        public TensorList Backward(
            in StageBackwardContext context,
            StageActivation activation,
            TensorList outputGradients
        )
        {
            watch.Tick(rank);
            return inner.Backward(context, activation, outputGradients);
        }

        public SplitBackwardResult BackwardInput(
            in StageBackwardContext context,
            StageActivation activation,
            TensorList outputGradients
        )
        {
            watch.Tick(rank);
            return inner.BackwardInput(context, activation, outputGradients);
        }

        public void BackwardWeight(in StageBackwardContext context, WeightGradientWork work)
        {
            watch.Tick(rank);
            inner.BackwardWeight(context, work);
        }
    }
}
