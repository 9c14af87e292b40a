// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Execution;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Tensors;
using DeepInfra.DualPipe.Tests.Fixtures;
using DeepInfra.DualPipe.Transports;

namespace DeepInfra.DualPipe.Tests.Execution;

/// <summary>Arguments and options that do not fit, and calls at the wrong moment.</summary>
public sealed class ArgumentTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task StepAsync_WhileRunning_Throws()
    {
        using var gate = new ManualResetEventSlim();
        await using var group = LocalPipelineGroup.Create(
            PipelineSchedules.GPipe(1, 1),
            l => new ProbeStage(
                new SyntheticStage(SyntheticCosts.Zero, l.StageCount),
                (_, _, token) => gate.Wait(s_patience, token)
            )
        );
        var first = group.StepAsync(EngineTests.SyntheticInputs(1), Token);

        await FluentActions
            .Awaiting(() => group.StepAsync(EngineTests.SyntheticInputs(1), Token))
            .Should()
            .ThrowAsync<InvalidOperationException>()
            .WithMessage("*one step at a time*");

        gate.Set();
        (await first).Dispose();
    }

    [Fact]
    public async Task StepAsync_BadArguments_FailWithoutBreakingTheGroup()
    {
        var schedule = PipelineSchedules.DualPipe(2, 4);
        var model = new TinyModel(2, width: 8, rowsPerMicroBatch: 1);
        var inputs = model.Inputs(schedule);
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => model.CreateStage(l.Stage)
        );

        await FluentActions
            .Awaiting(() => group.StepAsync(inputs with { Loss = null }, Token))
            .Should()
            .ThrowAsync<InvalidOperationException>()
            .WithMessage("*Loss*");
        await FluentActions
            .Awaiting(() =>
                group.StepAsync(
                    inputs with
                    {
                        Direction0 = inputs.Direction0 with { Inputs = model.BatchOfRows(1, 1) },
                    },
                    Token
                )
            )
            .Should()
            .ThrowAsync<ArgumentOutOfRangeException>()
            .WithParameterName("count");
        await FluentActions
            .Awaiting(() =>
                group.StepAsync(
                    inputs with
                    {
                        Direction1 = inputs.Direction1 with { MicroBatchInputs = [default] },
                    },
                    Token
                )
            )
            .Should()
            .ThrowAsync<ArgumentException>()
            .WithMessage("*expected 2 micro-batches, got 1*");

        using var result = await group.StepAsync(inputs, Token);
        result.Losses.Should().HaveCount(4);
    }

    [Fact]
    public async Task Group_AfterDispose_RefusesSteps()
    {
        var group = LocalPipelineGroup.Create(
            PipelineSchedules.GPipe(2, 1),
            l => new SyntheticStage(SyntheticCosts.Zero, l.StageCount)
        );

        await group.DisposeAsync();
        await group.DisposeAsync();

        await FluentActions
            .Awaiting(() => group.StepAsync(EngineTests.SyntheticInputs(2), Token))
            .Should()
            .ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task StepAsync_MicroBatchesThatNoScheduleTakes_Throws()
    {
        await using var group = LocalPipelineGroup.Create(
            PipelineSchedules.GPipe(2, 1),
            l => new SyntheticStage(SyntheticCosts.Zero, l.StageCount)
        );

        foreach (var count in new[] { -1, 0 })
        {
            await FluentActions
                .Awaiting(() =>
                    group.StepAsync(
                        EngineTests.SyntheticInputs(2) with
                        {
                            MicroBatchCount = count,
                        },
                        Token
                    )
                )
                .Should()
                .ThrowAsync<ArgumentOutOfRangeException>();
        }

        (await group.StepAsync(EngineTests.SyntheticInputs(2), Token)).Dispose();
    }

    [Fact]
    public void Create_FactoryGivesNoStage_DisposesTheOthers()
    {
        var disposed = 0;
        var create = () =>
            LocalPipelineGroup.Create(
                PipelineSchedules.GPipe(3, 1),
                l => l.Rank == 2 ? null! : new DisposableStage(() => disposed++)
            );

        create
            .Should()
            .Throw<ArgumentException>()
            .WithParameterName("stageFactory")
            .WithMessage("expected a stage for rank 2, slot 0*");
        disposed.Should().Be(2);
    }

    [Fact]
    public async Task DisposeAsync_AStageThrows_DisposesTheOthers()
    {
        var disposed = 0;
        var group = LocalPipelineGroup.Create(
            PipelineSchedules.GPipe(3, 1),
            l => new DisposableStage(() =>
            {
                disposed++;
                if (l.Rank == 0)
                {
                    throw new InvalidTimeZoneException("on purpose");
                }
            })
        );

        await FluentActions
            .Awaiting(() => group.DisposeAsync().AsTask())
            .Should()
            .ThrowAsync<InvalidTimeZoneException>();
        disposed.Should().Be(3);
    }

    [Fact]
    public async Task Create_BadOptionsOrStages_Throws()
    {
        var schedule = PipelineSchedules.DualPipe(2, 4);
        var transports = InProcessTransport.CreateGroup(2);
        IPipelineStage Stage() => new SyntheticStage(SyntheticCosts.Zero, 2);

        Invoking(new PipelineOptions { RankMapping = [0, 0] }).ParamName.Should().Be("RankMapping");
        Invoking(new PipelineOptions { RankMapping = [0, 2] }).ParamName.Should().Be("RankMapping");
        Invoking(new PipelineOptions { RankMapping = [-1, 0] })
            .ParamName.Should()
            .Be("RankMapping");
        Invoking(new PipelineOptions { RankMapping = [0] }).ParamName.Should().Be("RankMapping");
        Invoking(new PipelineOptions { PrefetchDepth = -1 }).ParamName.Should().Be("PrefetchDepth");
        Invoking(new PipelineOptions { TransportCapacity = 0 })
            .ParamName.Should()
            .Be("TransportCapacity");
        Invoking(new PipelineOptions { ReceiveTimeout = TimeSpan.Zero })
            .ParamName.Should()
            .Be("ReceiveTimeout");
        Invoking(new PipelineOptions { BatchDimension = -1 })
            .ParamName.Should()
            .Be("BatchDimension");
        FluentActions
            .Invoking(() => PipelineEngine.Create(schedule, 0, [Stage()], transports[0]))
            .Should()
            .Throw<ArgumentException>()
            .WithParameterName("stages");
        FluentActions
            .Invoking(() => PipelineEngine.Create(schedule, 0, [Stage(), Stage()], transports[1]))
            .Should()
            .Throw<ArgumentException>()
            .WithParameterName("transport");
        FluentActions
            .Invoking(() => PipelineEngine.Create(schedule, 2, [Stage(), Stage()], transports[1]))
            .Should()
            .Throw<ArgumentOutOfRangeException>()
            .WithParameterName("rank");
        await transports[0].DisposeAsync();

        ArgumentException Invoking(PipelineOptions options) =>
            FluentActions
                .Invoking(() => LocalPipelineGroup.Create(schedule, _ => Stage(), options))
                .Should()
                .Throw<ArgumentException>()
                .Which;
    }

    private sealed class DisposableStage(Action dispose) : IPipelineStage, IDisposable
    {
        public bool SupportsSplitBackward => false;

        public StageForwardResult Forward(in StageForwardContext context) =>
            throw new NotSupportedException("never runs");

        public TensorList Backward(
            in StageBackwardContext context,
            StageActivation activation,
            TensorList outputGradients
        ) => throw new NotSupportedException("never runs");

        public SplitBackwardResult BackwardInput(
            in StageBackwardContext context,
            StageActivation activation,
            TensorList outputGradients
        ) => throw new NotSupportedException("never runs");

        public void BackwardWeight(in StageBackwardContext context, WeightGradientWork work) =>
            throw new NotSupportedException("never runs");

        public void Dispose() => dispose();
    }
}
