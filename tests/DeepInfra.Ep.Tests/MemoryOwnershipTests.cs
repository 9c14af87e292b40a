// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Conformance.Ep;
using DeepInfra.Core;

namespace DeepInfra.Ep.Tests;

/// <summary>Whose memory results, handles and outputs are, and for how long.</summary>
public sealed class MemoryOwnershipTests : IDisposable
{
    private const int Tokens = 4;
    private const int Hidden = 512;
    private const int Experts = 8;

    private readonly ExpertParallelGroup _group = ExpertParallelGroup.CreateInProcess(1)[0];
    private readonly ThroughputBuffer _throughput;
    private readonly LowLatencyBuffer _lowLatency;
    private readonly LowLatencyData _data = LowLatencyData.Create(
        1,
        Tokens,
        Hidden,
        Experts,
        2,
        seed: 1
    );
    private readonly DispatchInput _input;
    private readonly DispatchInput _badRouting;

    public MemoryOwnershipTests()
    {
        _throughput = CreateThroughput(_group);
        _lowLatency = LowLatencyBuffer.Create(_group, _data.BufferOptions);
        _input = EpData.RandomInputs([Tokens], DType.BFloat16, Hidden, Experts, 2, seed: 1)[0];
        var bad = Tensor<long>.Create([Tokens, 2]);
        bad.AsSpan().Fill(Experts);
        _badRouting = _input with { TopkIdx = bad };
    }

    [Fact]
    public void Throughput_FirstUsedInTensorScope_WorksAfterIt()
    {
        using (new TensorScope())
            RoundTrip();

        RoundTrip();

        void RoundTrip()
        {
            using var received = _throughput.Dispatch(_input);
            using var handle = received.Handle;
            using var combined = _throughput.Combine(received.X, handle);
            EpData.RequireSameBytes(received.SourceIndex, Tensor<int>.FromSpan([0, 1, 2, 3], [4]));
        }
    }

    [Theory]
    [InlineData(LowLatencyFormat.Bf16)]
    [InlineData(LowLatencyFormat.Fp8)]
    public void LowLatency_FirstUsedInTensorScope_WorksAfterIt(LowLatencyFormat format)
    {
        using (new TensorScope())
            for (var i = 0; i < 2; i++)
                RoundTrip();

        for (var i = 0; i < 2; i++)
            RoundTrip();

        void RoundTrip()
        {
            var options = new LowLatencyDispatchOptions { Format = format };
            using var received = _lowLatency.Dispatch(_data.X[0], _data.TopkIdx[0], options);
            using var handle = received.Handle;
            received.X.IsDisposed.Should().BeFalse();
            handle.SourceInfo.IsDisposed.Should().BeFalse();
            var rows = _lowLatency.NextCombineBuffer(handle);
            rows.IsDisposed.Should().BeFalse();
            using var combined = _lowLatency.Combine(
                rows,
                _data.TopkIdx[0],
                _data.TopkWeights[0],
                handle,
                new LowLatencyCombineOptions { ZeroCopy = true }
            );
        }
    }

    [Fact]
    public async Task Throughput_FailedCalls_GiveTheirMemoryBack()
    {
        var first = _throughput.Dispatch(_input);
        var handle = first.Handle;
        first.Dispose();
        handle.Dispose();

        var sync = () => _throughput.Dispatch(_badRouting);
        var async = () => _throughput.DispatchAsync(_badRouting).AsTask();
        sync.Should().Throw<InvalidRoutingException>();
        await async.Should().ThrowAsync<InvalidRoutingException>();

        using var next = _throughput.Dispatch(_input);
        next.Should().BeSameAs(first);
        next.Handle.Should().BeSameAs(handle);
    }

    [Fact]
    public async Task ThroughputHandle_ResultReusedMeanwhile_StaysItsOwn()
    {
        var token = TestContext.Current.CancellationToken;
        var received = _throughput.Dispatch(_input);
        using var handle = received.Handle;
        received.Dispose();
        var gate = new TaskCompletionSource();
        using var later = _throughput.Dispatch(
            _input,
            new DispatchOptions { Async = true, After = EpEvent.FromTask(gate.Task) }
        );
        later.Should().BeSameAs(received, "the pool hands it out again");

        var tokens = Task.Run(() => handle.TokenCount, token);
        var first = await Task.WhenAny(tokens, Task.Delay(TimeSpan.FromSeconds(10), token));
        gate.SetException(new InvalidOperationException("later"));
        later.Event.Invoking(e => e.Wait()).Should().Throw<InvalidOperationException>();

        first.Should().BeSameAs(tokens);
        (await tokens).Should().Be(Tokens);
        handle.TokenCount.Should().Be(Tokens);
        later.Handle.Invoking(h => h.TokenCount).Should().Throw<InvalidOperationException>();
        var failed = later.Handle;
        later.Dispose();
        failed.Invoking(h => h.TokenCount).Should().Throw<InvalidOperationException>();
        failed.Dispose();
    }

    [Fact]
    public async Task LowLatency_FailedCalls_GiveTheirMemoryBack()
    {
        var first = _lowLatency.Dispatch(_data.X[0], _data.TopkIdx[0]);
        var handle = first.Handle;
        first.Dispose();
        handle.Dispose();

        var (x, topkIdx) = (_data.X[0], _badRouting.TopkIdx!);
        var sync = () => _lowLatency.Dispatch(x, topkIdx);
        var begin = () => _lowLatency.BeginDispatch(x, topkIdx);
        var async = () => _lowLatency.DispatchAsync(x, topkIdx).AsTask();
        sync.Should().Throw<InvalidRoutingException>();
        begin.Should().Throw<InvalidRoutingException>();
        await async.Should().ThrowAsync<InvalidRoutingException>();

        using var next = _lowLatency.Dispatch(x, _data.TopkIdx[0]);
        next.Should().BeSameAs(first);
        next.Handle.Should().BeSameAs(handle);
    }

    [Fact]
    public void Dispose_BufferOfLivingGroup_IsCollected()
    {
        var buffer = UseAndDispose(_group);

        for (var i = 0; i < 10 && buffer.IsAlive; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        buffer.IsAlive.Should().BeFalse();
        _group.IsDisposed.Should().BeFalse();
    }

    [Fact]
    public void ThroughputCombine_OutputThatSharesMemory_Throws()
    {
        using var received = _throughput.Dispatch(_input);
        using var handle = received.Handle;
        using var x = EpData.RandomRows(DType.BFloat16, Tokens, Hidden, seed: 3);
        using var wide = Tensor<BFloat16>.Create([Tokens + 1, Hidden]);
        using var one = Tensor<BFloat16>.Create([1, Hidden]);
        var (output, shifted) = (wide.AsSlice(0, 0, Tokens), wide.AsSlice(0, 1, Tokens));
        CombineOptions[] refused =
        [
            new() { Output = Repeated(one) },
            new() { Output = output, Bias0 = shifted },
            new() { Output = output, Bias1 = shifted },
            new() { Output = x },
            new() { Output = Backwards(x) },
        ];

        foreach (var options in refused)
        {
            var act = () => _throughput.Combine(x, handle, options);
            act.Should().Throw<ArgumentException>().Which.ParamName.Should().Be("options.Output");
        }
        var inPlace = new CombineOptions { Output = output, Bias0 = output };
        _throughput.Combine(x, handle, inPlace).Dispose();
    }

    [Fact]
    public void LowLatencyCombine_OutputThatSharesMemory_Throws()
    {
        using var received = _lowLatency.Dispatch(_data.X[0], _data.TopkIdx[0]);
        using var handle = received.Handle;
        using var one = Tensor<BFloat16>.Create([1, Hidden]);
        var sent = _lowLatency.NextCombineBuffer(handle);
        Tensor<BFloat16>[] refused = [Repeated(one), sent.AsSelected(0, 0).AsSlice(0, 0, Tokens)];

        foreach (var output in refused)
        {
            var act = () =>
                _lowLatency.Combine(
                    _data.ExpertRows[0],
                    _data.TopkIdx[0],
                    _data.TopkWeights[0],
                    handle,
                    new LowLatencyCombineOptions { Output = output }
                );
            act.Should().Throw<ArgumentException>().Which.ParamName.Should().Be("options.Output");
        }
        var rows = refused[1];
        var dispatch = () => _lowLatency.Dispatch(rows, _data.TopkIdx[0]);
        dispatch.Should().Throw<ArgumentException>().Which.ParamName.Should().Be("x");
    }

    public void Dispose()
    {
        _throughput.Dispose();
        _lowLatency.Dispose();
        _group.Dispose();
    }

    private static ThroughputBuffer CreateThroughput(ExpertParallelGroup group) =>
        ThroughputBuffer.Create(
            group,
            new ThroughputBufferOptions { MaxTokensPerRank = Tokens, Hidden = Hidden }
        );

    [MethodImpl(MethodImplOptions.NoInlining)]
    private WeakReference UseAndDispose(ExpertParallelGroup group)
    {
        using var buffer = CreateThroughput(group);
        buffer.Dispatch(_input).Dispose();
        return new WeakReference(buffer);
    }

    private static unsafe Tensor<BFloat16> Repeated(Tensor<BFloat16> row) =>
        Tensor<BFloat16>.Wrap(row.DataPointer, [Tokens, Hidden], new Strides(0, 1));

    private static unsafe Tensor<BFloat16> Backwards(Tensor x) =>
        Tensor<BFloat16>.Wrap(
            (BFloat16*)x.DataPointer + (Tokens - 1) * Hidden,
            x.Shape,
            new Strides(-Hidden, 1)
        );
}
