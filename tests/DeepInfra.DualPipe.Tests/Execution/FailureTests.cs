// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Execution;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Tensors;
using DeepInfra.DualPipe.Tests.Fixtures;
using DeepInfra.DualPipe.Transports;

namespace DeepInfra.DualPipe.Tests.Execution;

public sealed class FailureTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false, CommunicationMode.Eager)]
    [InlineData(false, CommunicationMode.Batched)]
    [InlineData(true, CommunicationMode.Eager)]
    [InlineData(true, CommunicationMode.Batched)]
    public async Task StepAsync_ExceptionAtEveryAction_StopsAllRanksAndRecovers(
        bool vShape,
        CommunicationMode mode
    )
    {
        var schedule = vShape
            ? PipelineSchedules.DualPipeV(2, 4)
            : PipelineSchedules.DualPipe(4, 8);
        var bomb = new Bomb();
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => new BombStage(new SyntheticStage(SyntheticCosts.Zero, l.StageCount), bomb, l.Rank),
            new PipelineOptions { CommunicationMode = mode }
        );
        var inputs = EngineTests.SyntheticInputs(schedule.StageCount);
        for (var rank = 0; rank < schedule.RankCount; rank++)
        {
            var calls = schedule[rank].Count(a => a.IsCompute);
            for (var call = 0; call < calls; call++)
            {
                bomb.Arm(rank, call);

                var failure = (
                    await FluentActions
                        .Awaiting(() => group.StepAsync(inputs, Token).WaitAsync(s_patience, Token))
                        .Should()
                        .ThrowAsync<PipelineStepException>()
                ).Which;

                failure.InnerException.Should().BeOfType<InvalidTimeZoneException>();
                failure.GradientsDirty.Should().BeTrue();
                group.GradientsDirty.Should().BeTrue();
                failure.RankFailures.Should().Contain(f => f.Rank == rank);
                failure
                    .RankFailures.Should()
                    .NotContain(f =>
                        f.Rank != rank && !(f.Exception is PipelinePeerFaultedException)
                    );
                await FluentActions
                    .Awaiting(() => group.StepAsync(inputs, Token))
                    .Should()
                    .ThrowAsync<InvalidOperationException>();
                await group.ResetAsync();
                group.GradientsDirty.Should().BeFalse();
            }
        }

        bomb.Arm(-1, -1);
        using var result = await group.StepAsync(inputs, Token).WaitAsync(s_patience, Token);
        result
            .Losses.Should()
            .Equal(Enumerable.Range(0, schedule.MicroBatchCount).Select(m => (double)m));
    }

    [Theory]
    [InlineData(CommunicationMode.Eager)]
    [InlineData(CommunicationMode.Batched)]
    public async Task StepAsync_CancelledAnywhere_ThrowsAndRecovers(CommunicationMode mode)
    {
        var schedule = PipelineSchedules.DualPipe(4, 8);
        var bomb = new Bomb();
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => new BombStage(new SyntheticStage(SyntheticCosts.Zero, l.StageCount), bomb, l.Rank),
            new PipelineOptions { CommunicationMode = mode }
        );
        var inputs = EngineTests.SyntheticInputs(4);
        var random = new Random(77);
        for (var i = 0; i < 20; i++)
        {
            using var source = new CancellationTokenSource();
            bomb.Arm(random.Next(4), random.Next(10), source);

            await FluentActions
                .Awaiting(() => group.StepAsync(inputs, source.Token).WaitAsync(s_patience, Token))
                .Should()
                .ThrowAsync<OperationCanceledException>();

            group.GradientsDirty.Should().BeTrue();
            await group.ResetAsync();
        }

        bomb.Arm(-1, -1);
        using var result = await group.StepAsync(inputs, Token).WaitAsync(s_patience, Token);
        result.Losses.Should().HaveCount(8);
    }

    [Fact]
    public async Task StepAsync_RightAfterReset_IsNotStoppedByTheOldFault()
    {
        var bomb = new Bomb();
        await using var group = LocalPipelineGroup.Create(
            PipelineSchedules.DualPipe(4, 8),
            l => new BombStage(new SyntheticStage(SyntheticCosts.Zero, l.StageCount), bomb, l.Rank)
        );
        var inputs = EngineTests.SyntheticInputs(4);
        for (var i = 0; i < 200; i++)
        {
            bomb.Arm(i % 4, i % 13);
            await FluentActions
                .Awaiting(() => group.StepAsync(inputs, Token))
                .Should()
                .ThrowAsync<PipelineStepException>();
            bomb.Arm(-1, -1);
            await group.ResetAsync();

            using var result = await group.StepAsync(inputs, Token).WaitAsync(s_patience, Token);

            result.Losses.Should().HaveCount(8);
        }
    }

    [Fact]
    public async Task StepAsync_StageThrowsItsOwnCancellation_IsAFailure()
    {
        await using var group = LocalPipelineGroup.Create(
            PipelineSchedules.DualPipe(2, 4),
            l => new ProbeStage(
                new SyntheticStage(SyntheticCosts.Zero, l.StageCount),
                (_, microBatch, _) =>
                {
                    if (l.Rank == 1 && microBatch == 1)
                    {
                        throw new TaskCanceledException("a remote call timed out");
                    }
                }
            )
        );

        var failure = await FluentActions
            .Awaiting(() => group.StepAsync(EngineTests.SyntheticInputs(2), Token))
            .Should()
            .ThrowAsync<PipelineStepException>();

        failure.Which.InnerException.Should().BeOfType<TaskCanceledException>();
    }

    [Fact]
    public async Task StepAsync_StageNeverReturns_NamesItAndDisposesWithoutWaiting()
    {
        using var gate = new ManualResetEventSlim();
        var schedule = PipelineSchedules.GPipe(2, 2);
        var group = LocalPipelineGroup.Create(
            schedule,
            l => new ProbeStage(
                new SyntheticStage(SyntheticCosts.Zero, l.StageCount),
                (kind, _, _) =>
                {
                    if (l.Rank == 1 && kind == "F")
                    {
                        gate.Wait(CancellationToken.None);
                    }
                }
            ),
            new PipelineOptions { ReceiveTimeout = TimeSpan.FromMilliseconds(200) }
        );

        var failure = await FluentActions
            .Awaiting(() =>
                group.StepAsync(EngineTests.SyntheticInputs(2), Token).WaitAsync(s_patience, Token)
            )
            .Should()
            .ThrowAsync<PipelineStepException>();
        var reset = await FluentActions
            .Awaiting(() => group.ResetAsync().AsTask())
            .Should()
            .ThrowAsync<InvalidOperationException>();
        await group.DisposeAsync().AsTask().WaitAsync(s_patience, Token);
        gate.Set();

        failure.Which.Message.Should().Contain("rank 1 is still inside 1F0");
        failure.Which.InnerException.Should().BeOfType<PipelineTimeoutException>();
        failure.Which.RankFailures.Should().HaveCount(2);
        failure.Which.GradientsDirty.Should().BeTrue();
        reset.WithMessage("rank 1 is still inside*");
    }

    [Fact]
    public async Task ResetAsync_StuckStageHasReturned_WorksAgain()
    {
        using var gate = new ManualResetEventSlim();
        await using var group = LocalPipelineGroup.Create(
            PipelineSchedules.GPipe(2, 2),
            l => new ProbeStage(
                new SyntheticStage(SyntheticCosts.Zero, l.StageCount),
                (kind, _, _) =>
                {
                    if (l.Rank == 0 && kind == "B")
                    {
                        gate.Wait(CancellationToken.None);
                    }
                }
            ),
            new PipelineOptions { ReceiveTimeout = TimeSpan.FromSeconds(1) }
        );
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);

        var step = group.StepAsync(EngineTests.SyntheticInputs(2), cancel.Token);
        await cancel.CancelAsync();
        await FluentActions
            .Awaiting(() => step.WaitAsync(s_patience, Token))
            .Should()
            .ThrowAsync<Exception>();
        gate.Set();
        for (var i = 0; ; i++)
        {
            try
            {
                await group.ResetAsync();
                break;
            }
            catch (InvalidOperationException) when (i < 600)
            {
                await Task.Delay(50, Token);
            }
        }

        (await group.StepAsync(EngineTests.SyntheticInputs(2), Token)).Dispose();
    }

    [Fact]
    public async Task DisposeAsync_WhileAStepRuns_EndsIt()
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var group = LocalPipelineGroup.Create(
            PipelineSchedules.DualPipe(2, 4),
            l => new ProbeStage(
                new SyntheticStage(SyntheticCosts.Zero, l.StageCount),
                (_, _, token) =>
                {
                    started.TrySetResult();
                    token.WaitHandle.WaitOne(s_patience);
                }
            )
        );
        var step = group.StepAsync(EngineTests.SyntheticInputs(2), Token);
        await started.Task;

        await group.DisposeAsync();

        await FluentActions
            .Awaiting(() => step.WaitAsync(s_patience, Token))
            .Should()
            .ThrowAsync<PipelineStepException>();
        await FluentActions
            .Awaiting(() => group.StepAsync(EngineTests.SyntheticInputs(2), Token))
            .Should()
            .ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task StepAsync_StageDisposeFails_ReportsItAndRecovers()
    {
        var fail = true;
        await using var group = LocalPipelineGroup.Create(
            PipelineSchedules.GPipe(1, 2),
            _ => new DelegateStage
            {
                ForwardFunction = (in c) =>
                    new StageForwardResult(
                        PipelineTensor.Allocate(PipelineDataType.Float32, 1),
                        new FragileActivation(() => fail)
                    ),
                BackwardFunction = (in _, _, _) => default,
            }
        );
        var inputs = StepInputs.Single(default, default, new NoLoss());

        await FluentActions
            .Awaiting(() => group.StepAsync(inputs, Token))
            .Should()
            .ThrowAsync<PipelineStepException>()
            .WithInnerException(typeof(InvalidTimeZoneException));

        fail = false;
        await group.ResetAsync();
        using var result = await group.StepAsync(inputs, Token);
        result.Losses.Should().Equal(0, 0);
    }

    private sealed class FragileActivation(Func<bool> fails) : StageActivation
    {
        protected override void Dispose(bool disposing)
        {
            if (fails())
            {
                throw new InvalidTimeZoneException("boom");
            }
        }
    }

    private sealed class NoLoss : IPipelineLoss
    {
        public LossResult Forward(in LossContext context, TensorList outputs, TensorList labels) =>
            new(0, null);

        public TensorList Backward(in LossContext context, IDisposable? state, double gradient) =>
            PipelineTensor.Allocate(PipelineDataType.Float32, 1);
    }

    [Fact]
    public async Task StepAsync_CancelledBefore_DoesNotStart()
    {
        await using var group = Synthetic(PipelineSchedules.GPipe(2, 2));

        await FluentActions
            .Awaiting(() =>
                group.StepAsync(EngineTests.SyntheticInputs(2), new CancellationToken(true))
            )
            .Should()
            .ThrowAsync<OperationCanceledException>();

        using var result = await group.StepAsync(EngineTests.SyntheticInputs(2), Token);
        result.Losses.Should().Equal(0, 1);
    }

    [Fact]
    public async Task StepAsync_OtherRankFails_StageTokenIsCancelled()
    {
        // Rank 0 blocks inside a stage call; only its token can free it.
        var schedule = PipelineSchedules.DualPipe(2, 4);
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => new ProbeStage(
                new SyntheticStage(SyntheticCosts.Zero, l.StageCount),
                (_, _, token) =>
                {
                    if (l.Rank == 1)
                    {
                        throw new InvalidTimeZoneException("boom");
                    }

                    token.WaitHandle.WaitOne(s_patience).Should().BeTrue();
                    token.ThrowIfCancellationRequested();
                }
            )
        );

        var failure = await FluentActions
            .Awaiting(() =>
                group.StepAsync(EngineTests.SyntheticInputs(2), Token).WaitAsync(s_patience, Token)
            )
            .Should()
            .ThrowAsync<PipelineStepException>();

        failure.Which.InnerException.Should().BeOfType<InvalidTimeZoneException>();
    }

    [Fact]
    public async Task StepAsync_SilentPeer_TimesOutWithPendingMessages()
    {
        var schedule = PipelineSchedules.GPipe(2, 2);
        var transports = InProcessTransport.CreateGroup(2);
        await using var engine = PipelineEngine.Create(
            schedule,
            1,
            [new SyntheticStage(SyntheticCosts.Zero, 2)],
            transports[1],
            new PipelineOptions { ReceiveTimeout = TimeSpan.FromMilliseconds(50) }
        );

        var failure = await FluentActions
            .Awaiting(() => engine.StepAsync(EngineTests.SyntheticInputs(2), Token))
            .Should()
            .ThrowAsync<PipelineStepException>();

        failure
            .Which.InnerException.Should()
            .BeOfType<PipelineTimeoutException>()
            .Which.Message.Should()
            .Contain("receive of Activation to stage 1, micro-batch 0")
            .And.Contain("last completed action");
    }

    private static LocalPipelineGroup Synthetic(PipelineSchedule schedule) =>
        LocalPipelineGroup.Create(
            schedule,
            l => new SyntheticStage(SyntheticCosts.Zero, l.StageCount)
        );
}
