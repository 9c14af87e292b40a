// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.Core;
using DeepInfra.Ep;

namespace DeepInfra.Benchmarks.Ep;

/// <summary>Dispatch and combine of decoding between the ranks of a process: one round of all ranks.</summary>
[MemoryDiagnoser]
public class LowLatencyBenchmarks : RankBenchmarks<LowLatencyBuffer, LowLatencyDispatchResult>
{
    private static readonly LowLatencyDispatchOptions s_bf16 = new()
    {
        Format = LowLatencyFormat.Bf16,
    };

    private static readonly LowLatencyDispatchOptions s_ue8m0 = new()
    {
        Format = LowLatencyFormat.Fp8Ue8m0,
    };

    private static readonly LowLatencyCombineOptions s_logFmt = new() { UseLogFmt = true };

    private Tensor<BFloat16>[] _x = null!;
    private (Tensor<long> Idx, Tensor<float> Weights)[] _routing = null!;
    private Action<int> _dispatchBf16 = null!;
    private Action<int> _dispatchFp8 = null!;
    private Action<int> _dispatchUe8m0 = null!;
    private Action<int> _dispatchHook = null!;
    private Action<int> _combine = null!;
    private Action<int> _combineLogFmt = null!;

    /// <summary>Sweeps of tokens, of row lengths and selections, and of ranks.</summary>
    public static IEnumerable<EpShape> Shapes =>
        [
            new(1, 7168, 8, 2, 256),
            new(8, 7168, 8, 2, 256),
            new(64, 7168, 8, 2, 256),
            new(128, 7168, 8, 2, 256),
            new(128, 2048, 6, 2, 64),
            new(128, 4096, 2, 2, 8),
            new(128, 7168, 8, 1, 256),
            new(128, 7168, 8, 4, 256),
            new(128, 7168, 8, 8, 256),
        ];

    [ParamsSource(nameof(Shapes))]
    public EpShape Shape { get; set; } = null!;

    [GlobalSetup]
    public void Setup()
    {
        var ranks = Shape.Ranks;
        _x = new Tensor<BFloat16>[ranks];
        _routing = new (Tensor<long>, Tensor<float>)[ranks];
        var options = new LowLatencyBufferOptions
        {
            MaxTokensPerRank = Shape.Tokens,
            Hidden = Shape.Hidden,
            Experts = Shape.Experts,
        };
        Start(ranks, group => LowLatencyBuffer.Create(group, options));
        for (var rank = 0; rank < ranks; rank++)
        {
            _x[rank] = Shape.Rows(rank);
            _routing[rank] = Shape.Routing(rank);
        }
        _dispatchBf16 = rank => DispatchOnce(rank, s_bf16);
        _dispatchFp8 = rank => DispatchOnce(rank, options: null);
        _dispatchUe8m0 = rank => DispatchOnce(rank, s_ue8m0);
        _dispatchHook = DispatchWithHook;
        _combine = rank => CombineOnce(rank, options: null);
        _combineLogFmt = rank => CombineOnce(rank, s_logFmt);
        // The received BFloat16 rows stand for the experts' outputs.
        Gang.Run(rank =>
            Received[rank] = Buffers[rank].Dispatch(_x[rank], _routing[rank].Idx, s_bf16)
        );
    }

    [Benchmark]
    public void DispatchBf16() => Gang.Run(_dispatchBf16);

    [Benchmark]
    public void DispatchFp8() => Gang.Run(_dispatchFp8);

    [Benchmark]
    public void DispatchFp8Ue8m0() => Gang.Run(_dispatchUe8m0);

    [Benchmark]
    public void DispatchFp8Hook() => Gang.Run(_dispatchHook);

    [Benchmark]
    public void Combine() => Gang.Run(_combine);

    [Benchmark]
    public void CombineLogFmt() => Gang.Run(_combineLogFmt);

    private void DispatchOnce(int rank, LowLatencyDispatchOptions? options)
    {
        using var received = Buffers[rank].Dispatch(_x[rank], _routing[rank].Idx, options);
        received.Handle.Dispose();
    }

    private void DispatchWithHook(int rank)
    {
        using var received = Buffers[rank].BeginDispatch(_x[rank], _routing[rank].Idx);
        received.Hook!.Invoke();
        received.Handle.Dispose();
    }

    private void CombineOnce(int rank, LowLatencyCombineOptions? options)
    {
        var received = Received[rank];
        Buffers[rank]
            .Combine(
                (Tensor<BFloat16>)received.X,
                _routing[rank].Idx,
                _routing[rank].Weights,
                received.Handle,
                options
            )
            .Dispose();
    }
}
