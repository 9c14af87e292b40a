// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Ep.Engine;

namespace DeepInfra.Ep.Tests;

public sealed class ThroughputFailureTests : IDisposable
{
    private const int Hidden = 64;

    private readonly ExpertParallelGroup[] _groups = ExpertParallelGroup.CreateInProcess(2);
    private readonly ThroughputBuffer[] _buffers;

    public ThroughputFailureTests() =>
        _buffers = [
            .. _groups.Select(group =>
                ThroughputBuffer.Create(
                    group,
                    new ThroughputBufferOptions { MaxTokensPerRank = 4, Hidden = Hidden }
                )
            ),
        ];

    [Fact]
    public async Task Dispatch_PeerCancelledAfterArrival_DoesNotReadItsRows()
    {
        const float returned = 12345;
        using var x = Tensor<float>.Create([1, Hidden]);
        var input = new DispatchInput(
            x,
            Tensor<long>.FromSpan([1], [1, 1]),
            Tensor<float>.FromSpan([1], [1, 1])
        )
        {
            Experts = 2,
        };
        using var cancellation = new CancellationTokenSource();
        var cancelled = _buffers[0].DispatchAsync(input, null, cancellation.Token).AsTask();
        await cancellation.CancelAsync();
        await cancelled.Awaiting(task => task).Should().ThrowAsync<OperationCanceledException>();

        // The rows are the caller's again.
        x.AsSpan().Fill(returned);
        var late = _buffers[1].Dispatch(input, new DispatchOptions { Async = true });
        var wait = () => late.Event.Wait();

        wait.Should().Throw<PeerFailedException>().Which.Ranks.Should().Equal(0);
        var rows = late.Slabs.X.Current as Tensor<float>;
        (rows is null || rows.AsSpan().IndexOf(returned) < 0).Should().BeTrue();
    }

    [Fact]
    public void ReaderGate_Withdraw_WaitsForReadersAndLetsNobodyIn()
    {
        var gate = new ReaderGate();
        gate.TryEnter().Should().BeTrue();
        var withdrawal = new Thread(gate.Withdraw);
        withdrawal.Start();
        SpinWait.SpinUntil(() =>
        {
            if (!gate.TryEnter())
                return true;
            gate.Exit();
            return false;
        });

        withdrawal.Join(TimeSpan.FromMilliseconds(50)).Should().BeFalse();
        gate.Exit();

        withdrawal.Join(TimeSpan.FromSeconds(30)).Should().BeTrue();
        gate.TryEnter().Should().BeFalse();
    }

    public void Dispose()
    {
        foreach (var buffer in _buffers)
            buffer.Dispose();
        foreach (var group in _groups)
            group.Dispose();
    }
}
