// SPDX-License-Identifier: MIT
using DeepInfra.Conformance.Ep;
using DeepInfra.Core;

namespace DeepInfra.Ep.Tests;

public sealed class LowLatencyValidationTests : IDisposable
{
    private readonly ExpertParallelGroup _group = ExpertParallelGroup.CreateInProcess(1)[0];
    private readonly LowLatencyData _data = LowLatencyData.Create(1, 4, 256, 8, 2, seed: 1);
    private readonly LowLatencyBuffer _buffer;

    public LowLatencyValidationTests() =>
        _buffer = LowLatencyBuffer.Create(_group, _data.BufferOptions);

    [Fact]
    public void BeginDispatch_TwoHooksPending_ThirdStartThrows()
    {
        using var first = Begin();
        using var second = Begin();

        var third = () => Begin();
        var whole = () => _buffer.Dispatch(_data.X[0], _data.TopkIdx[0]);

        third.Should().Throw<InvalidOperationException>();
        whole.Should().Throw<InvalidOperationException>();
        first.Hook!.Invoke(TestContext.Current.CancellationToken);
        second.Hook!.Invoke(TestContext.Current.CancellationToken);
        Begin().Dispose();
    }

    [Fact]
    public void BeginDispatch_YoungerHookInvokedOnly_OlderSetIsStillInUse()
    {
        using var first = Begin();
        using var second = Begin();
        second.Hook!.Invoke(TestContext.Current.CancellationToken);

        var third = () => Begin();

        third.Should().Throw<InvalidOperationException>();
    }

    [Fact]
    public void Hook_InvokedTwice_Throws()
    {
        using var received = Begin();
        received.Hook!.IsPending.Should().BeTrue();
        received.Hook.Invoke(TestContext.Current.CancellationToken);

        var act = () => received.Hook.Invoke(TestContext.Current.CancellationToken);

        act.Should().Throw<InvalidOperationException>();
        received.Hook.IsPending.Should().BeFalse();
        received.Event.IsCompleted.Should().BeTrue();
    }

    [Fact]
    public void Result_HookPending_CannotBeRead()
    {
        using var received = Begin();

        var act = () => received.X;

        act.Should().Throw<InvalidOperationException>();
        received.Event.IsCompleted.Should().BeFalse();
    }

    [Fact]
    public void Result_DisposedWithPendingHook_ReceivesAndDiscards()
    {
        for (var i = 0; i < 5; i++)
            Begin().Dispose();

        _buffer.IsFaulted.Should().BeFalse();
        var hook = Begin().Hook!;
        hook.Dispose();
        hook.IsPending.Should().BeFalse();
    }

    [Fact]
    public void Result_DisposedAfterBuffer_DoesNotThrow()
    {
        var received = Begin();
        _buffer.Dispose();

        received.Dispose();

        received.Event.IsCompleted.Should().BeTrue();
    }

    [Fact]
    public void Begin_WithAsync_Throws()
    {
        var dispatch = () =>
            _buffer.BeginDispatch(
                _data.X[0],
                _data.TopkIdx[0],
                new LowLatencyDispatchOptions { Async = true }
            );

        dispatch.Should().Throw<ArgumentException>().Which.ParamName.Should().Be("options.Async");
    }

    [Fact]
    public void Dispatch_Async_CompletesItsEvent()
    {
        using var received = _buffer.Dispatch(
            _data.X[0],
            _data.TopkIdx[0],
            new LowLatencyDispatchOptions { Async = true }
        );

        received.Hook.Should().BeNull();
        received.Event.Wait(TimeSpan.FromSeconds(60)).Should().BeTrue();
        received.Count.ToArray().Sum().Should().BeGreaterThan(0);
    }

    [Fact]
    public void Dispatch_BadArguments_NameTheArgument()
    {
        var (x, topkIdx) = (_data.X[0], _data.TopkIdx[0]);
        (Action Call, string Name)[] calls =
        [
            (() => _buffer.Dispatch(Tensor<float>.Create([4, 256]), topkIdx), "x"),
            (() => _buffer.Dispatch(Tensor<BFloat16>.Create([4, 128]), topkIdx), "x"),
            (() => _buffer.Dispatch(Tensor<BFloat16>.Create([5, 256]), topkIdx), "x"),
            (() => _buffer.Dispatch(x, Tensor<long>.Create([3, 2])), "topkIdx"),
            (() => _buffer.Dispatch(x, Tensor<long>.Create([4, 33])), "topkIdx"),
            (() => _buffer.Dispatch(x, Tensor<byte>.Create([4, 2])), "topkIdx"),
            (() => Dispatch(LowLatencyFormat.Fp8Ue8m0), "options.Format"),
            (() => Dispatch((LowLatencyFormat)9), "options.Format"),
            (
                () =>
                    _buffer.Dispatch(
                        x,
                        topkIdx,
                        new LowLatencyDispatchOptions { ExpertStats = Tensor<int>.Create([7]) }
                    ),
                "options.ExpertStats"
            ),
            (
                () =>
                    _buffer.Dispatch(
                        x,
                        topkIdx,
                        new LowLatencyDispatchOptions { WaitStats = Tensor<long>.Create([2]) }
                    ),
                "options.WaitStats"
            ),
        ];

        foreach (var (call, name) in calls)
            call.Should().Throw<ArgumentException>().Which.ParamName.Should().Be(name);
        Dispatch(LowLatencyFormat.Fp8).Dispose();
    }

    [Theory]
    [InlineData(8)]
    [InlineData(-2)]
    public void Dispatch_ExpertOutOfRange_Throws(long expert)
    {
        _data.TopkIdx[0][1, 1] = expert;

        var act = () => _buffer.Dispatch(_data.X[0], _data.TopkIdx[0]);
        var begin = () => Begin();

        act.Should().Throw<InvalidRoutingException>().Which.Value.Should().Be(expert);
        begin.Should().Throw<InvalidRoutingException>();
        _data.TopkIdx[0][1, 1] = -1;
        Begin().Dispose();
    }

    [Fact]
    public void Dispatch_ExpertTwiceInRow_Throws()
    {
        _data.TopkIdx[0][2, 0] = _data.TopkIdx[0][2, 1] = 5;

        var act = () => _buffer.Dispatch(_data.X[0], _data.TopkIdx[0]);

        act.Should().Throw<InvalidRoutingException>().Which.Token.Should().Be(2);
    }

    [Fact]
    public void Combine_BadArguments_NameTheArgument()
    {
        using var received = Dispatch(LowLatencyFormat.Bf16);
        var handle = received.Handle;
        var (rows, topkIdx, weights) = (
            _data.ExpertRows[0],
            _data.TopkIdx[0],
            _data.TopkWeights[0]
        );
        using var otherIdx = topkIdx.ToContiguous();
        otherIdx[0, 0] = otherIdx[0, 0] == 3 ? 4 : 3;
        (Action Call, string Name)[] calls =
        [
            (
                () =>
                    _buffer.Combine(Tensor<BFloat16>.Create([8, 4, 128]), topkIdx, weights, handle),
                "x"
            ),
            (() => _buffer.Combine(rows, Tensor<long>.Create([3, 2]), weights, handle), "topkIdx"),
            (() => _buffer.Combine(rows, otherIdx, weights, handle), "topkIdx"),
            (
                () => _buffer.Combine(rows, topkIdx, Tensor<float>.Create([4, 3]), handle),
                "topkWeights"
            ),
            (
                () =>
                    _buffer.Combine(
                        rows,
                        topkIdx,
                        weights,
                        handle,
                        new LowLatencyCombineOptions { UseLogFmt = true }
                    ),
                "options.UseLogFmt"
            ),
            (
                () =>
                    _buffer.Combine(
                        rows,
                        topkIdx,
                        weights,
                        handle,
                        new LowLatencyCombineOptions { UseLogFmt = true, ZeroCopy = true }
                    ),
                "options.UseLogFmt"
            ),
            (
                () =>
                    _buffer.Combine(
                        rows,
                        topkIdx,
                        weights,
                        handle,
                        new LowLatencyCombineOptions { Output = Tensor<BFloat16>.Create([3, 256]) }
                    ),
                "options.Output"
            ),
            (
                () =>
                    _buffer.BeginCombine(
                        rows,
                        topkIdx,
                        weights,
                        handle,
                        new LowLatencyCombineOptions { Async = true }
                    ),
                "options.Async"
            ),
        ];

        foreach (var (call, name) in calls)
            call.Should().Throw<ArgumentException>().Which.ParamName.Should().Be(name);
        _buffer.Combine(rows, topkIdx, weights, handle).Dispose();
    }

    [Fact]
    public void Combine_BeforeDispatchIsReceived_Throws()
    {
        using var received = Begin();

        var act = () => Combine(received.Handle);

        act.Should().Throw<InvalidOperationException>();
    }

    [Fact]
    public void Combine_HandleOfOtherBufferOrDisposed_IsStale()
    {
        using var other = LowLatencyBuffer.Create(_group, _data.BufferOptions);
        using var foreign = other.Dispatch(_data.X[0], _data.TopkIdx[0]);
        using var received = Dispatch(LowLatencyFormat.Bf16);
        received.Handle.Dispose();

        var first = () => Combine(foreign.Handle);
        var second = () => Combine(received.Handle);

        first.Should().Throw<StaleHandleException>();
        second.Should().Throw<StaleHandleException>();
    }

    [Fact]
    public void Combine_SelectionReplacedByMinusOne_IsLeftOut()
    {
        using var received = Dispatch(LowLatencyFormat.Bf16);
        _data.TopkIdx[0][0, 0] = _data.TopkIdx[0][0, 1] = -1;

        using var combined = Combine(received.Handle);

        combined.X.AsSelected(0, 0).ToArray().Should().OnlyContain(value => value.Bits == 0);
    }

    [Fact]
    public void Combine_ZeroCopyOfOtherTensor_Throws()
    {
        using var received = Dispatch(LowLatencyFormat.Bf16);

        var act = () =>
            _buffer.Combine(
                _data.ExpertRows[0],
                _data.TopkIdx[0],
                _data.TopkWeights[0],
                received.Handle,
                new LowLatencyCombineOptions { ZeroCopy = true }
            );

        act.Should().Throw<InvalidOperationException>();
        _buffer.IsFaulted.Should().BeFalse();
        Combine(received.Handle).Dispose();
    }

    [Fact]
    public void NextCombineBuffer_IsRowsAtSendDistance()
    {
        using var received = Dispatch(LowLatencyFormat.Bf16);

        var rows = _buffer.NextCombineBuffer(received.Handle);

        (rows.Shape == new Shape(8, 4, 256)).Should().BeTrue();
        // Two BFloat16 of LogFMT metadata per 128 channels follow the 256 of the row.
        rows.Strides[1].Should().Be(256 + 2 * 2 + 4);
    }

    [Fact]
    public void Clean_WithPendingHook_Throws()
    {
        using var received = Begin();

        var act = () => _buffer.Clean();

        act.Should().Throw<InvalidOperationException>();
        received.Hook!.Invoke(TestContext.Current.CancellationToken);
        _buffer.Clean();
    }

    [Fact]
    public void Mask_NotEnabled_Throws()
    {
        var act = () => _buffer.Mask;

        act.Should().Throw<InvalidOperationException>();
    }

    [Fact]
    public void Mask_SetAndClear_ChangesSnapshot()
    {
        var groups = ExpertParallelGroup.CreateInProcess(3);
        using var buffer = LowLatencyBuffer.Create(
            groups[1],
            _data.BufferOptions with
            {
                Experts = 9,
                EnableRankMask = true,
            }
        );
        var mask = new int[3];

        buffer.Mask.Set(2, true);
        buffer.Mask.Snapshot(mask);

        mask.Should().Equal(0, 0, 1);
        buffer.Mask.Clear();
        buffer.Mask[2].Should().BeFalse();
        var self = () => buffer.Mask.Set(1, true);
        self.Should().Throw<ArgumentException>();
        var outside = () => buffer.Mask[3];
        outside.Should().Throw<ArgumentOutOfRangeException>();
        var tooShort = () => buffer.Mask.Snapshot(new int[2]);
        tooShort.Should().Throw<ArgumentException>();
    }

    [Theory]
    [InlineData(0, 256, 8)]
    [InlineData(4, 0, 8)]
    [InlineData(4, 12, 8)]
    [InlineData(4, 256, 0)]
    [InlineData(4, 256, 4096)]
    public void Create_BadOptions_Throws(int tokens, int hidden, int experts)
    {
        var act = () =>
            LowLatencyBuffer.Create(
                _group,
                new LowLatencyBufferOptions
                {
                    MaxTokensPerRank = tokens,
                    Hidden = hidden,
                    Experts = experts,
                }
            );

        act.Should().Throw<ArgumentException>();
    }

    [Fact]
    public void Create_ExpertsThatRanksCannotShare_Throws()
    {
        using var group = ExpertParallelGroup.CreateInProcess(3)[0];

        var act = () => LowLatencyBuffer.Create(group, _data.BufferOptions);

        act.Should().Throw<ArgumentException>().Which.ParamName.Should().Be("options.Experts");
    }

    [Theory]
    [InlineData(0, 128, 8)]
    [InlineData(4, -1, 8)]
    [InlineData(4, 128, 0)]
    public void GetRequiredBytes_NothingToHold_Throws(int tokens, int hidden, int experts)
    {
        var act = () => LowLatencyBuffer.GetRequiredBytes(tokens, hidden, experts);

        act.Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void GetRequiredBytes_PublishedExample_MatchesDeepEp() =>
        LowLatencyBuffer.GetRequiredBytes(128, 7168, 288).Should().Be(2_146_961_792);

    [Fact]
    public void Describe_NamesTheLimits() =>
        _buffer.Describe().Should().Contain("M=4").And.Contain("H=256").And.Contain("E=8");

    public void Dispose()
    {
        _buffer.Dispose();
        _group.Dispose();
    }

    private LowLatencyDispatchResult Begin() => _buffer.BeginDispatch(_data.X[0], _data.TopkIdx[0]);

    private LowLatencyDispatchResult Dispatch(LowLatencyFormat format) =>
        _buffer.Dispatch(
            _data.X[0],
            _data.TopkIdx[0],
            new LowLatencyDispatchOptions { Format = format }
        );

    private LowLatencyCombineResult Combine(LowLatencyHandle handle) =>
        _buffer.Combine(_data.ExpertRows[0], _data.TopkIdx[0], _data.TopkWeights[0], handle);
}
