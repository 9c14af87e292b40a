// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.Ep;

namespace DeepInfra.Benchmarks.Ep;

/// <summary>Dispatch and combine of training and prefill between the ranks of a process: one round of all ranks.</summary>
[MemoryDiagnoser]
public class ThroughputBenchmarks : RankBenchmarks<ThroughputBuffer, DispatchResult>
{
    private DispatchInput[] _bf16 = null!;
    private DispatchInput[] _fp8 = null!;
    private Action<int> _dispatchBf16 = null!;
    private Action<int> _dispatchFp8 = null!;
    private Action<int> _dispatchCached = null!;
    private Action<int> _combine = null!;

    /// <summary>Sweeps of tokens, of row lengths and selections, and of ranks.</summary>
    public static IEnumerable<EpShape> Shapes =>
        [
            new(1, 7168, 8, 2, 256),
            new(8, 7168, 8, 2, 256),
            new(64, 7168, 8, 2, 256),
            new(128, 7168, 8, 2, 256),
            new(512, 7168, 8, 2, 256),
            new(4096, 7168, 8, 2, 256),
            new(512, 2048, 6, 2, 64),
            new(512, 4096, 2, 2, 8),
            new(512, 7168, 8, 1, 256),
            new(512, 7168, 8, 4, 256),
            new(512, 7168, 8, 8, 256),
        ];

    [ParamsSource(nameof(Shapes))]
    public EpShape Shape { get; set; } = null!;

    [GlobalSetup]
    public void Setup()
    {
        var ranks = Shape.Ranks;
        _bf16 = new DispatchInput[ranks];
        _fp8 = new DispatchInput[ranks];
        var options = new ThroughputBufferOptions
        {
            MaxTokensPerRank = Shape.Tokens,
            Hidden = Shape.Hidden,
        };
        Start(ranks, group => ThroughputBuffer.Create(group, options));
        for (var rank = 0; rank < ranks; rank++)
        {
            var (topkIdx, topkWeights) = Shape.Routing(rank);
            var (codes, scales) = Shape.Fp8Rows(rank);
            _bf16[rank] = new DispatchInput(Shape.Rows(rank), topkIdx, topkWeights)
            {
                Experts = Shape.Experts,
            };
            _fp8[rank] = new DispatchInput(codes, topkIdx, topkWeights)
            {
                Experts = Shape.Experts,
                ScaleFactors = scales,
            };
        }
        _dispatchBf16 = rank => DispatchOnce(rank, _bf16[rank]);
        _dispatchFp8 = rank => DispatchOnce(rank, _fp8[rank]);
        _dispatchCached = rank =>
            Buffers[rank].DispatchCached(_bf16[rank].X, Received[rank].Handle).Dispose();
        _combine = rank => Buffers[rank].Combine(Received[rank].X, Received[rank].Handle).Dispose();
        Gang.Run(rank => Received[rank] = Buffers[rank].Dispatch(_bf16[rank]));
    }

    [Benchmark]
    public void DispatchBf16() => Gang.Run(_dispatchBf16);

    [Benchmark]
    public void DispatchFp8() => Gang.Run(_dispatchFp8);

    [Benchmark]
    public void DispatchCached() => Gang.Run(_dispatchCached);

    [Benchmark]
    public void Combine() => Gang.Run(_combine);

    [Benchmark]
    public void Layout() =>
        Buffers[0].GetDispatchLayout(_bf16[0].TopkIdx!, Shape.Experts).Dispose();

    private void DispatchOnce(int rank, in DispatchInput input)
    {
        using var received = Buffers[rank].Dispatch(input);
        received.Handle.Dispose();
    }
}
