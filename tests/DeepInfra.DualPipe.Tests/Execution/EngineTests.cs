// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Execution;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Tensors;
using DeepInfra.DualPipe.Tests.Fixtures;
using DeepInfra.DualPipe.Transports;

namespace DeepInfra.DualPipe.Tests.Execution;

public sealed class EngineTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task StepAsync_AlternatingTrainingAndInference_GivesReferenceEveryTime()
    {
        var schedule = PipelineSchedules.DualPipe(4, 8);
        var model = new TinyModel(4, width: 16);
        var inputs = model.Inputs(schedule);
        var reference = model.RunReference(inputs, 2, 4);
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => model.CreateStage(l.Stage)
        );

        for (var i = 0; i < 3; i++)
        {
            using var trained = await group.StepAsync(inputs, Token);
            trained.Losses.Should().Equal(reference.Losses);
            trained.ForwardOnly.Should().BeFalse();
            trained.OutputsOf(0).Should().BeNull();
            using var inferred = await group.StepAsync(
                inputs with
                {
                    ForwardOnly = true,
                    ReturnOutputs = true,
                },
                Token
            );
            inferred.Losses.Should().Equal(reference.Losses);
            for (var direction = 0; direction < 2; direction++)
            {
                inferred.OutputsOf(direction)!.Value[0]!
                    .AsSpan<float>()
                    .ToArray()
                    .Should()
                    .Equal(reference.Outputs.Skip(direction * 4).Take(4).SelectMany(o => o));
            }
        }
    }

    [Fact]
    public async Task StepAsync_ForwardOnlyWithoutLoss_ReturnsOutputsOnly()
    {
        var schedule = PipelineSchedules.DualPipeV(2, 5);
        var model = new TinyModel(4, width: 8);
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => model.CreateStage(l.Stage)
        );

        using var result = await group.StepAsync(
            new StepInputs
            {
                Direction0 = new DirectionData { Inputs = model.Batch(5, 3) },
                ForwardOnly = true,
                ReturnOutputs = true,
            },
            Token
        );

        result.Losses.Should().BeNull();
        result.OutputsOf(0)!.Value[0]!.Shape.ToArray().Should().Equal(15, 16, 8);
        result.OutputsOf(1).Should().BeNull();
    }

    [Fact]
    public async Task StepAsync_UnevenBatch_MatchesReference()
    {
        var schedule = PipelineSchedules.DualPipeV(2, 5);
        var model = new TinyModel(4, width: 16);
        var inputs = StepInputs.Single(
            model.BatchOfRows(13, 1),
            model.BatchOfRows(13, 2),
            new MeanSquaredErrorLoss()
        );
        var reference = model.RunReference(inputs, 1, 5);
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => model.CreateStage(l.Stage)
        );

        using var result = await group.StepAsync(inputs with { ReturnOutputs = true }, Token);

        result.Losses.Should().Equal(reference.Losses);
        result.OutputsOf(0)!.Value[0]!.Shape[0].Should().Be(13);
        TinyModel.GradientsOf(group.StageAt(0, 0)).Should().Equal(reference.Gradients[0]);
    }

    [Theory]
    [InlineData("DualPipeV", 1, 4)]
    [InlineData("DualPipe", 2, 4)]
    public async Task StepAsync_MeanScale_ScalesGradients(string name, int ranks, int microBatches)
    {
        // The mean is over the micro-batches of both directions.
        var schedule = ScheduleCatalog.Create(name, ranks, microBatches);
        var directions = schedule.Placement.DirectionCount;
        var model = new TinyModel(2, width: 16);
        var inputs = model.Inputs(schedule);
        var reference = model.RunReference(
            inputs,
            directions,
            schedule.MicroBatchesPerDirection,
            GradientScale.Mean
        );
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => model.CreateStage(l.Stage),
            new PipelineOptions { GradientScale = GradientScale.Mean }
        );

        using var result = await group.StepAsync(inputs, Token);

        var gradients = TinyModel.GradientsOf(group.StageAt(0, 1));
        if (directions == 1)
        {
            gradients.Should().Equal(reference.Gradients[1]);
            return;
        }

        // The second half of stage 1 is on rank 1, slot 0.
        var other = TinyModel.GradientsOf(group.StageAt(1, 0));
        Tolerances
            .RelativeError([.. gradients.Zip(other, (x, y) => x + y)], reference.Gradients[1])
            .Should()
            .BeLessThan(Tolerances.ReplicaSumRelative);
    }

    [Fact]
    public async Task StepAsync_OtherMicroBatchCount_RebuildsSchedule()
    {
        var model = new TinyModel(4, width: 16);
        await using var group = LocalPipelineGroup.Create(
            PipelineSchedules.DualPipe(4, 8),
            l => model.CreateStage(l.Stage)
        );
        var inputs = model.Inputs(PipelineSchedules.DualPipe(4, 12)) with { MicroBatchCount = 12 };

        using var result = await group.StepAsync(inputs, Token);

        result.Losses.Should().Equal(model.RunReference(inputs, 2, 6).Losses);
        await FluentActions
            .Awaiting(() => group.StepAsync(inputs with { MicroBatchCount = 7 }, Token))
            .Should()
            .ThrowAsync<ArgumentOutOfRangeException>();
    }

    [Fact]
    public async Task StepAsync_ImportedSchedule_RunsAndRefusesOtherCounts()
    {
        var schedule = ScheduleCsv.Parse(
            ScheduleCsv.Format(PipelineSchedules.ZeroBubbleH1(3, 5), computeOnly: true)
        );
        var model = new TinyModel(3, width: 16);
        var inputs = model.Inputs(schedule);
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => model.CreateStage(l.Stage)
        );

        using var result = await group.StepAsync(inputs, Token);

        result.Losses.Should().Equal(model.RunReference(inputs, 1, 5).Losses);
        await FluentActions
            .Awaiting(() => group.StepAsync(inputs with { MicroBatchCount = 7 }, Token))
            .Should()
            .ThrowAsync<NotSupportedException>();
    }

    [Fact]
    public async Task StepAsync_SplitUnsupported_GivesEqualGradients()
    {
        var schedule = PipelineSchedules.DualPipeV(3, 6);
        var model = new TinyModel(6, width: 16);
        var inputs = model.Inputs(schedule);
        var reference = model.RunReference(inputs, 1, 6);
        var calls = new List<string>();
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => new ProbeStage(
                model.CreateStage(l.Stage),
                (kind, _, _) =>
                {
                    lock (calls)
                    {
                        calls.Add(kind);
                    }
                },
                split: false
            )
        );

        using var result = await group.StepAsync(inputs, Token);

        calls.Should().NotContain("I").And.NotContain("W").And.Contain("B");
        for (var stage = 0; stage < 6; stage++)
        {
            var rank = schedule.Placement.RankOf(stage, 0);
            TinyModel
                .GradientsOf(group.StageAt(rank, schedule.Placement.SlotOf(rank, stage, 0)))
                .Should()
                .Equal(reference.Gradients[stage]);
        }
    }

    [Fact]
    public async Task StepAsync_OverlappedStages_RunEveryPairTogether()
    {
        var schedule = PipelineSchedules.DualPipeV(2, 8);
        var model = new TinyModel(4, width: 16);
        var inputs = model.Inputs(schedule);
        var reference = model.RunReference(inputs, 1, 8);
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => new OverlappingStage(model.CreateStage(l.Stage))
        );

        using var result = await group.StepAsync(inputs, Token);

        for (var rank = 0; rank < 2; rank++)
        {
            var pairs = schedule[rank].Count(a => a.Kind == PipelineActionKind.ForwardBackward);
            var stages = new[] { 0, 1 }
                .Select(slot => (OverlappingStage)group.StageAt(rank, slot))
                .ToList();
            stages.Sum(s => s.Pairs).Should().Be(pairs);
            TinyModel.GradientsOf(stages[0]).Should().Equal(reference.Gradients[rank]);
        }
    }

    [Fact]
    public async Task StepAsync_StagesOfDifferentTypes_FallBackToForwardThenBackward()
    {
        var schedule = PipelineSchedules.DualPipeV(2, 8);
        var model = new TinyModel(4, width: 16);
        var inputs = model.Inputs(schedule);
        var reference = model.RunReference(inputs, 1, 8);
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l =>
                l.Slot == 0
                    ? new OverlappingStage(model.CreateStage(l.Stage))
                    : new ProbeStage(model.CreateStage(l.Stage))
        );

        using var result = await group.StepAsync(inputs, Token);

        ((OverlappingStage)group.StageAt(0, 0)).Pairs.Should().Be(0);
        TinyModel.GradientsOf(group.StageAt(0, 0)).Should().Equal(reference.Gradients[0]);
    }

    [Fact]
    public async Task StepAsync_ReversedRankMapping_GivesSameResult()
    {
        var schedule = PipelineSchedules.DualPipe(4, 8);
        var model = new TinyModel(4, width: 16);
        var inputs = model.Inputs(schedule);
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => model.CreateStage(l.Stage),
            new PipelineOptions { RankMapping = [2, 0, 3, 1] }
        );

        using var result = await group.StepAsync(inputs, Token);

        result.Losses.Should().Equal(model.RunReference(inputs, 2, 4).Losses);
    }

    [Fact]
    public async Task StepAsync_CapacityOneEagerDeepPrefetch_DoesNotDeadlock()
    {
        foreach (
            var schedule in new[]
            {
                PipelineSchedules.DualPipe(4, 12),
                PipelineSchedules.DualPipeV(3, 7),
                PipelineSchedules.Interleaved1F1B(3, 6, 3),
                PipelineSchedules.ZeroBubbleV(3, 6),
            }
        )
        {
            var model = new TinyModel(schedule.StageCount, width: 8);
            var inputs = model.Inputs(schedule);
            foreach (var depth in new[] { 0, 1, 5 })
            {
                foreach (var mode in Enum.GetValues<CommunicationMode>())
                {
                    await using var group = LocalPipelineGroup.Create(
                        schedule,
                        l => model.CreateStage(l.Stage),
                        new PipelineOptions
                        {
                            TransportCapacity = 1,
                            PrefetchDepth = depth,
                            CommunicationMode = mode,
                        }
                    );

                    using var result = await group
                        .StepAsync(inputs, Token)
                        .WaitAsync(TimeSpan.FromSeconds(30), Token);

                    result
                        .Losses.Should()
                        .Equal(
                            model
                                .RunReference(
                                    inputs,
                                    schedule.Placement.DirectionCount,
                                    schedule.MicroBatchesPerDirection
                                )
                                .Losses
                        );
                }
            }
        }
    }

    [Fact]
    public async Task StepAsync_SeparateEngines_RunOnOneTransportGroup()
    {
        var schedule = PipelineSchedules.DualPipe(2, 4);
        var model = new TinyModel(2, width: 16);
        var inputs = model.Inputs(schedule);
        var transports = InProcessTransport.CreateGroup(2);
        var engines = Enumerable
            .Range(0, 2)
            .Select(rank =>
                PipelineEngine.Create(
                    schedule,
                    rank,
                    [
                        model.CreateStage(schedule.Placement.StageOf(rank, 0)),
                        model.CreateStage(schedule.Placement.StageOf(rank, 1)),
                    ],
                    transports[rank]
                )
            )
            .ToList();

        var results = await Task.WhenAll(engines.Select(e => e.StepAsync(inputs, Token)));

        // Rank 1 owns the loss of direction 0, rank 0 that of direction 1.
        var reference = model.RunReference(inputs, 2, 2);
        results[1].LossesOf(0).Should().Equal(reference.Losses.Take(2));
        results[1].LossesOf(1).Should().BeNull();
        results[0].LossesOf(1).Should().Equal(reference.Losses.Skip(2));
        foreach (var engine in engines)
        {
            await engine.DisposeAsync();
        }
    }

    [Fact]
    public async Task StepAsync_BFloat16Boundaries_StayCloseToFloat32()
    {
        var schedule = PipelineSchedules.DualPipeV(4, 12);
        var reference = new TinyModel(8, width: 32);
        var model = new TinyModel(8, width: 32, boundary: PipelineDataType.BFloat16);
        var inputs = model.Inputs(schedule) with { Loss = new WideningLoss() };
        var expected = reference.RunReference(inputs, 1, 12);
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => model.CreateStage(l.Stage)
        );

        using var result = await group.StepAsync(inputs, Token);

        for (var i = 0; i < 12; i++)
        {
            (Math.Abs(result.Losses![i] - expected.Losses[i]) / expected.Losses[i])
                .Should()
                .BeLessThan(Tolerances.BFloat16LossRelative);
        }

        Tolerances
            .CosineDifference(TinyModel.GradientsOf(group.StageAt(0, 0)), expected.Gradients[0])
            .Should()
            .BeLessThan(Tolerances.BFloat16GradientCosine);
    }

    [Fact]
    public async Task StepAsync_Trace_CoversEveryComputeActionInOrder()
    {
        var schedule = PipelineSchedules.DualPipe(4, 8);
        var model = new TinyModel(4, width: 16);
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => model.CreateStage(l.Stage),
            new PipelineOptions { Trace = true, CommunicationMode = CommunicationMode.Batched }
        );
        using var result = await group.StepAsync(model.Inputs(schedule), Token);

        var trace = result.Trace!;

        for (var rank = 0; rank < 4; rank++)
        {
            var records = trace.Records.Where(r => r.Rank == rank && r.Action.IsCompute).ToList();
            records.Select(r => r.Action).Should().Equal(schedule[rank].Where(a => a.IsCompute));
            records.Should().OnlyContain(r => r.End >= r.Start);
            records.Zip(records.Skip(1)).Should().OnlyContain(p => p.First.End <= p.Second.Start);
        }

        var report = BubbleReport.Create(trace);
        report.Simulation.Makespan.Should().BePositive();
        report.MeasuredBubbles.Should().HaveCount(4);
        report.ToString().Should().Contain("makespan measured");
        Rendering.AssertRenders(report);
    }

    [Fact]
    public async Task StepAsync_Progress_NeverExceedsTotal()
    {
        var schedule = PipelineSchedules.DualPipe(2, 4);
        var reports = new List<PipelineProgress>();
        var progress = new CollectingProgress(reports);
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => new SyntheticStage(SyntheticCosts.FromMilliseconds(30, 30, 30), l.StageCount),
            new PipelineOptions { Progress = progress }
        );

        using var result = await group.StepAsync(SyntheticInputs(2), Token);

        reports.Should().NotBeEmpty();
        reports
            .Should()
            .OnlyContain(p =>
                p.TotalActions == schedule.TotalActionCount && p.CompletedActions <= p.TotalActions
            );
    }

    internal static StepInputs SyntheticInputs(int stages) =>
        new() { Loss = new SyntheticLoss(stages) };

    private sealed class CollectingProgress(List<PipelineProgress> reports)
        : IProgress<PipelineProgress>
    {
        public void Report(PipelineProgress value)
        {
            lock (reports)
            {
                reports.Add(value);
            }
        }
    }

    /// <summary>Mean squared error of a BFloat16 or Float32 output.</summary>
    private sealed class WideningLoss : IPipelineLoss
    {
        private readonly MeanSquaredErrorLoss _inner = new();

        public LossResult Forward(in LossContext context, TensorList outputs, TensorList labels)
        {
            if (outputs[0]!.DataType == PipelineDataType.Float32)
            {
                return _inner.Forward(context, outputs, labels);
            }

            using var wide = PipelineTensor.Allocate(PipelineDataType.Float32, outputs[0]!.Shape);
            FloatKernels.FromBFloat16(outputs[0]!.AsSpan<ushort>(), wide.AsSpan<float>());
            return _inner.Forward(context, wide, labels);
        }

        public TensorList Backward(in LossContext context, IDisposable? state, double gradient) =>
            _inner.Backward(context, state, gradient);
    }

    private static class Rendering
    {
        public static void AssertRenders(BubbleReport report) =>
            DeepInfra
                .DualPipe.Rendering.ScheduleSvgRenderer.Render([report.Measured, report.Simulated])
                .Should()
                .Contain("measured")
                .And.Contain("simulated");
    }
}
