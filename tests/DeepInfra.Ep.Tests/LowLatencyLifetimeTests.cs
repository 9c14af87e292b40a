// SPDX-License-Identifier: MIT
using DeepInfra.Conformance.Ep;
using DeepInfra.Core;

namespace DeepInfra.Ep.Tests;

/// <summary>Handles, hooks and send memory that go away or are used twice while operations are in flight.</summary>
public sealed class LowLatencyLifetimeTests : IDisposable
{
    private readonly ExpertParallelGroup _group = ExpertParallelGroup.CreateInProcess(1)[0];
    private readonly LowLatencyData _data = LowLatencyData.Create(1, 4, 512, 8, 2, seed: 1);
    private readonly LowLatencyBuffer _buffer;

    public LowLatencyLifetimeTests() =>
        _buffer = LowLatencyBuffer.Create(_group, _data.BufferOptions);

    [Fact]
    public void BeginCombine_HandleDisposedAndReusedBeforeHook_KeepsItsRouting()
    {
        var expected = ReferenceExpertParallel.LowLatencyCombine(
            _data.ExpertRows,
            _data.TopkIdx,
            _data.TopkWeights,
            8
        )[0];
        using var other = new RoutingGenerator(8, 2, seed: 99).Next(4).TopkIdx;
        using var received = _buffer.Dispatch(_data.X[0], _data.TopkIdx[0]);

        using var combined = _buffer.BeginCombine(
            _data.ExpertRows[0],
            _data.TopkIdx[0],
            _data.TopkWeights[0],
            received.Handle
        );
        received.Handle.Dispose();
        using var next = _buffer.BeginDispatch(_data.X[0], other);
        next.Handle.Should().NotBeSameAs(received.Handle);
        combined.Hook!.Invoke(TestContext.Current.CancellationToken);
        next.Hook!.Invoke(TestContext.Current.CancellationToken);

        EpData.RequireSameBytes(combined.X, expected);
    }

    [Fact]
    public void BeginDispatch_HandleDisposedBeforeHook_IsNotReusedUntilReceived()
    {
        using var first = _buffer.BeginDispatch(_data.X[0], _data.TopkIdx[0]);
        var handle = first.Handle;
        handle.Dispose();

        using var second = _buffer.BeginDispatch(_data.X[0], _data.TopkIdx[0]);
        second.Handle.Should().NotBeSameAs(handle);
        first.Hook!.Invoke(TestContext.Current.CancellationToken);
        second.Hook!.Invoke(TestContext.Current.CancellationToken);
        using var third = _buffer.BeginDispatch(_data.X[0], _data.TopkIdx[0]);

        third.Handle.Should().BeSameAs(handle, "the memory goes back once it is received");
        var combine = () => Combine(second.Handle, _data.ExpertRows[0]).Dispose();
        combine.Should().NotThrow();
    }

    [Fact]
    public void Start_AfterEventOfPendingHook_Throws()
    {
        using var received = _buffer.BeginDispatch(_data.X[0], _data.TopkIdx[0]);

        var dispatch = () =>
            _buffer.Dispatch(
                _data.X[0],
                _data.TopkIdx[0],
                new LowLatencyDispatchOptions { After = received.Event, Async = true }
            );

        dispatch.Should().Throw<InvalidOperationException>();
        received.Hook!.Invoke(TestContext.Current.CancellationToken);
        dispatch().Dispose();
    }

    [Fact]
    public void Dispatch_ManyAsynchronous_NeverFindsItsSetInUse()
    {
        var options = new LowLatencyDispatchOptions { Async = true };
        for (var round = 0; round < 200; round++)
        {
            using var first = _buffer.Dispatch(_data.X[0], _data.TopkIdx[0], options);
            using var second = _buffer.Dispatch(_data.X[0], _data.TopkIdx[0], options);
            using var third = _buffer.Dispatch(_data.X[0], _data.TopkIdx[0], options);
            first.Handle.Dispose();
            second.Handle.Dispose();
            third.Handle.Dispose();
        }

        _buffer.IsFaulted.Should().BeFalse();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Combine_RowsInSendAreaWithoutZeroCopy_Throws(bool logFmt)
    {
        using var received = _buffer.Dispatch(_data.X[0], _data.TopkIdx[0]);
        var rows = _buffer.NextCombineBuffer(received.Handle);

        var act = () =>
            Combine(received.Handle, rows, new LowLatencyCombineOptions { UseLogFmt = logFmt });

        act.Should().Throw<ArgumentException>().Which.ParamName.Should().Be("x");
    }

    [Fact]
    public async Task Async_DispatchAndCombine_GiveResults()
    {
        var expected = ReferenceExpertParallel.LowLatencyCombine(
            _data.ExpertRows,
            _data.TopkIdx,
            _data.TopkWeights,
            8
        )[0];

        using var received = await _buffer.DispatchAsync(
            _data.X[0],
            _data.TopkIdx[0],
            cancellationToken: TestContext.Current.CancellationToken
        );
        using var combined = await _buffer.CombineAsync(
            _data.ExpertRows[0],
            _data.TopkIdx[0],
            _data.TopkWeights[0],
            received.Handle,
            cancellationToken: TestContext.Current.CancellationToken
        );

        EpData.RequireSameBytes(combined.X, expected);
    }

    [Fact]
    public void Create_TokensBeyondIndexRange_Throws()
    {
        var throughput = () =>
            ThroughputBuffer.Create(
                _group,
                new ThroughputBufferOptions { MaxTokensPerRank = int.MaxValue / 8, Hidden = 64 }
            );
        var lowLatency = () =>
            LowLatencyBuffer.Create(
                _group,
                new LowLatencyBufferOptions
                {
                    MaxTokensPerRank = int.MaxValue / 8,
                    Hidden = 64,
                    Experts = 8,
                }
            );

        throughput
            .Should()
            .Throw<ArgumentOutOfRangeException>()
            .Which.ParamName.Should()
            .Be("options.MaxTokensPerRank");
        lowLatency
            .Should()
            .Throw<ArgumentOutOfRangeException>()
            .Which.ParamName.Should()
            .Be("options.MaxTokensPerRank");
    }

    [Fact]
    public void Dispatch_LongestTimeout_IsNoOverflow()
    {
        using var buffer = LowLatencyBuffer.Create(
            _group,
            _data.BufferOptions with
            {
                Timeout = TimeSpan.MaxValue,
            }
        );

        var act = () => buffer.Dispatch(_data.X[0], _data.TopkIdx[0]).Dispose();

        act.Should().NotThrow();
    }

    public void Dispose()
    {
        _buffer.Dispose();
        _group.Dispose();
    }

    private LowLatencyCombineResult Combine(
        LowLatencyHandle handle,
        Tensor<BFloat16> rows,
        LowLatencyCombineOptions? options = null
    ) => _buffer.Combine(rows, _data.TopkIdx[0], _data.TopkWeights[0], handle, options);
}
