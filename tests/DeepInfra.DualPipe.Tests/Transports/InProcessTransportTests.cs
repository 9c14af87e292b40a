// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Tensors;
using DeepInfra.DualPipe.Transports;

namespace DeepInfra.DualPipe.Tests.Transports;

public sealed class InProcessTransportTests
{
    private readonly InProcessTransport[] _ranks = InProcessTransport.CreateGroup(3, capacity: 2);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task FailAll_AfterReset_LeavesTheNextStepAlone()
    {
        // A rank that aborts may be overtaken by the others, who reset and go on before it has told all mailboxes.
        var mailbox = new InProcessMailbox(rankCount: 2, capacity: 1);
        var reason = new AbortInfo(0, "F", "failed");
        mailbox.SetFault(reason);
        mailbox.Reset(firstStep: 1);
        var tag = new MessageTag(1, MessageKind.Activation, 0, 0);
        await mailbox.Send(0, tag, Scalar(7), Token);

        mailbox.FailAll(reason);

        var received = mailbox.Receive(tag, Token);
        received.IsCompleted.Should().BeTrue();
        (await received).Tensors[0]!.AsSpan<int>()[0].Should().Be(7);
    }

    [Fact]
    public async Task ReceiveAsync_AnyOrder_MatchesByTag()
    {
        for (var i = 0; i < 2; i++)
        {
            await _ranks[0].SendAsync(1, Tag(i), Scalar(i), Token);
        }

        (await _ranks[1].ReceiveAsync(0, Tag(1), Token)).Tensors[0]!
            .AsSpan<int>()[0]
            .Should()
            .Be(1);
        (await _ranks[1].ReceiveAsync(0, Tag(0), Token)).Tensors[0]!
            .AsSpan<int>()[0]
            .Should()
            .Be(0);
    }

    [Fact]
    public async Task SendAsync_PostedReceive_HandsOverTheSameObject()
    {
        var receive = _ranks[1].ReceiveAsync(0, Tag(0), Token);
        receive.IsCompleted.Should().BeFalse();
        var tensor = Scalar(5);

        await _ranks[0].SendAsync(1, Tag(0), tensor, Token);

        receive.IsCompleted.Should().BeTrue();
        (await receive).Tensors[0].Should().BeSameAs(tensor);
    }

    [Fact]
    public async Task SendAsync_FullBuffer_PendsButStaysReachable()
    {
        await _ranks[0].SendAsync(1, Tag(0), Scalar(0), Token);
        await _ranks[0].SendAsync(1, Tag(1), Scalar(1), Token);
        var third = _ranks[0].SendAsync(1, Tag(2), Scalar(2), Token);
        var fourth = _ranks[0].SendAsync(1, Tag(3), Scalar(3), Token);
        third.IsCompleted.Should().BeFalse();

        // The fourth is matched although it is not even buffered.
        (await _ranks[1].ReceiveAsync(0, Tag(3), Token))
            .Tag.Should()
            .Be(Tag(3));
        fourth.IsCompleted.Should().BeTrue();
        await fourth;
        third.IsCompleted.Should().BeFalse();

        // A freed place takes in the oldest pending send.
        await _ranks[1].ReceiveAsync(0, Tag(0), Token);
        third.IsCompleted.Should().BeTrue();
        await third;

        // Another source has its own places.
        _ranks[2].SendAsync(1, Tag(9), Scalar(9), Token).AsTask().IsCompleted.Should().BeTrue();
    }

    [Fact]
    public async Task ReceiveAsync_Cancelled_CanBeRepeated()
    {
        using var source = new CancellationTokenSource();
        var receive = _ranks[1].ReceiveAsync(0, Tag(0), source.Token);
        await source.CancelAsync();

        await FluentActions
            .Awaiting(async () => await receive)
            .Should()
            .ThrowAsync<OperationCanceledException>();
        await FluentActions
            .Awaiting(async () =>
                await _ranks[1].ReceiveAsync(0, Tag(0), new CancellationToken(true))
            )
            .Should()
            .ThrowAsync<OperationCanceledException>();

        await _ranks[0].SendAsync(1, Tag(0), Scalar(7), Token);
        (await _ranks[1].ReceiveAsync(0, Tag(0), Token)).Tensors[0]!
            .AsSpan<int>()[0]
            .Should()
            .Be(7);
    }

    [Fact]
    public async Task SendAsync_CancelledWhilePending_DropsTheMessage()
    {
        await _ranks[0].SendAsync(1, Tag(0), Scalar(0), Token);
        await _ranks[0].SendAsync(1, Tag(1), Scalar(1), Token);
        using var source = new CancellationTokenSource();
        var tensor = Scalar(2);
        var send = _ranks[0].SendAsync(1, Tag(2), tensor, source.Token);
        await source.CancelAsync();

        await FluentActions
            .Awaiting(async () => await send)
            .Should()
            .ThrowAsync<OperationCanceledException>();
        tensor.IsReleased.Should().BeTrue();
        _ranks[1].ReceiveAsync(0, Tag(2), Token).AsTask().IsCompleted.Should().BeFalse();
    }

    [Fact]
    public async Task AbortAsync_FirstReasonWins_FailsEverything()
    {
        var receive = _ranks[1].ReceiveAsync(0, Tag(0), Token);
        var buffered = Scalar(1);
        await _ranks[0].SendAsync(2, Tag(1), buffered, Token);

        await _ranks[2].AbortAsync(new AbortInfo(2, "2F0", "first"));
        await _ranks[0].AbortAsync(new AbortInfo(0, "0F0", "second"));

        (await _ranks[0].Faulted).Message.Should().Be("first");
        (
            await FluentActions
                .Awaiting(async () => await receive)
                .Should()
                .ThrowAsync<PipelinePeerFaultedException>()
        )
            .Which.Abort!.Rank.Should()
            .Be(2);
        buffered.IsReleased.Should().BeTrue();
        var late = Scalar(2);
        await FluentActions
            .Awaiting(async () => await _ranks[0].SendAsync(1, Tag(3), late, Token))
            .Should()
            .ThrowAsync<PipelinePeerFaultedException>();
        late.IsReleased.Should().BeTrue();
        await FluentActions
            .Awaiting(async () => await _ranks[0].ReceiveAsync(1, Tag(3), Token))
            .Should()
            .ThrowAsync<PipelinePeerFaultedException>();
    }

    [Fact]
    public async Task ResetAsync_AfterAbort_WorksAgainAndDropsStaleMessages()
    {
        await _ranks[0].AbortAsync(new AbortInfo(0, "x", "y"));

        foreach (var rank in _ranks)
        {
            await rank.ResetAsync(5);
        }

        _ranks[0].Faulted.IsCompleted.Should().BeFalse();
        var stale = Scalar(1);
        await _ranks[0].SendAsync(1, Tag(0, step: 4), stale, Token);
        stale.IsReleased.Should().BeTrue();
        await _ranks[0].SendAsync(1, Tag(0, step: 5), Scalar(2), Token);
        (await _ranks[1].ReceiveAsync(0, Tag(0, step: 5), Token)).Tensors.Count.Should().Be(1);
    }

    [Fact]
    public async Task SendAndReceive_SameTagTwice_Throw()
    {
        await _ranks[0].SendAsync(1, Tag(0), Scalar(0), Token);
        await FluentActions
            .Awaiting(async () => await _ranks[0].SendAsync(1, Tag(0), Scalar(0), Token))
            .Should()
            .ThrowAsync<InvalidOperationException>();
        _ = _ranks[2].ReceiveAsync(0, Tag(0), Token).AsTask();
        await FluentActions
            .Awaiting(async () => await _ranks[2].ReceiveAsync(0, Tag(0), Token))
            .Should()
            .ThrowAsync<InvalidOperationException>();
    }

    [Fact]
    public void CreateGroup_BadValues_Throw()
    {
        FluentActions
            .Invoking(() => InProcessTransport.CreateGroup(0))
            .Should()
            .Throw<ArgumentOutOfRangeException>();
        FluentActions
            .Invoking(() => InProcessTransport.CreateGroup(1, 0))
            .Should()
            .Throw<ArgumentOutOfRangeException>();
        FluentActions
            .Invoking(() => _ranks[0].ReceiveAsync(3, Tag(0), Token))
            .Should()
            .Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public async Task SendAndReceive_ManyThreads_DeliverEverything()
    {
        const int Count = 5000;
        var ranks = InProcessTransport.CreateGroup(4, capacity: 1);
        var tasks = new List<Task<long>>();
        for (var rank = 0; rank < 4; rank++)
        {
            var me = rank;
            tasks.Add(Task.Run(() => ExchangeAsync(ranks, me, Count), Token));
        }

        var sums = await Task.WhenAll(tasks);

        sums.Should().OnlyContain(s => s == 3L * Count * (Count - 1) / 2);
    }

    private static async Task<long> ExchangeAsync(InProcessTransport[] ranks, int me, int count)
    {
        var sum = 0L;
        for (var i = 0; i < count; i++)
        {
            var sends = new List<Task>();
            for (var other = 0; other < 4; other++)
            {
                if (other != me)
                {
                    var tag = new MessageTag(1, MessageKind.Activation, me, i);
                    sends.Add(ranks[me].SendAsync(other, tag, Scalar(i), Token).AsTask());
                }
            }

            for (var other = 3; other >= 0; other--)
            {
                if (other != me)
                {
                    var tag = new MessageTag(1, MessageKind.Activation, other, i);
                    var message = await ranks[me].ReceiveAsync(other, tag, Token);
                    sum += message.Tensors[0]!.AsSpan<int>()[0];
                    message.Tensors.DisposeAll();
                }
            }

            await Task.WhenAll(sends);
        }

        return sum;
    }

    private static MessageTag Tag(int microBatch, long step = 1) =>
        new(step, MessageKind.Activation, 1, microBatch);

    private static PipelineTensor Scalar(int value) =>
        PipelineTensor.Create<int>(PipelineDataType.Int32, [value], 1);
}
