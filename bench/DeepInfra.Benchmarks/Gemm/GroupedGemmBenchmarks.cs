// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.Core;
using DeepInfra.Gemm;

namespace DeepInfra.Benchmarks.Gemm;

/// <summary>The expert projections of a small mixture of experts: forward, masked decode, weight gradients.</summary>
[MemoryDiagnoser]
public class GroupedGemmBenchmarks
{
    private const int Groups = 8;

    private ScaledTensor _rows;
    private ScaledTensor _weights;
    private ScaledTensor _masked;
    private ScaledTensor _activations;
    private ScaledTensor _gradients;
    private Tensor<BFloat16> _d = null!;
    private Tensor<BFloat16> _maskedD = null!;
    private Tensor<float> _weightGradients = null!;
    private Tensor<int> _valid = null!;
    private PrefixSumLayout _layout = null!;
    private int[] _ks = null!;

    [Params(16, 64, 200)]
    public int RowsPerGroup { get; set; }

    [Params("512x128", "384x512", "4096x896")]
    public string Weights { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        var parts = Weights.Split('x').Select(int.Parse).ToArray();
        var (n, k) = (parts[0], parts[1]);
        var random = new Random(1);
        _ks =
        [
            .. Enumerable
                .Range(0, Groups)
                .Select(_ => (int)(RowsPerGroup * (0.7 + random.NextDouble() * 0.6))),
        ];
        var ends = new int[Groups];
        var end = 0;
        for (var i = 0; i < Groups; i++)
            ends[i] = end = (end + 127) / 128 * 128 + _ks[i];
        _layout = new PrefixSumLayout(Tensor<int>.FromSpan(ends, [Groups]));
        var (blocksN, blocksK) = (GemmOperands.Blocks(n), GemmOperands.Blocks(k));
        _rows = GemmOperands.Fp8(random, [end, k], [end, blocksK]);
        _weights = GemmOperands.Fp8(random, [Groups, n, k], [Groups, blocksN, blocksK]);
        _d = Tensor<BFloat16>.Create([end, n]);
        var room = 2 * RowsPerGroup;
        _masked = GemmOperands.Fp8(random, [Groups, room, k], [Groups, room, blocksK]);
        _maskedD = Tensor<BFloat16>.Create([Groups, room, n]);
        _valid = Tensor<int>.FromSpan(_ks, [Groups]);
        var total = _ks.Sum();
        var scaleRows = _ks.Sum(rows => GemmOperands.Blocks(rows));
        _activations = GemmOperands.Fp8(random, [total, k], [scaleRows, k]);
        _gradients = GemmOperands.Fp8(random, [total, n], [scaleRows, n]);
        _weightGradients = Tensor<float>.Create([Groups, n, k]);
    }

    [Benchmark]
    public void Contiguous() => GemmContext.Cpu.Ops.MGroupedFp8Gemm(_rows, _weights, _d, _layout);

    [Benchmark]
    public void Masked() =>
        GemmContext.Cpu.Ops.MGroupedFp8GemmMasked(
            _masked,
            _weights,
            _maskedD,
            _valid,
            RowsPerGroup
        );

    [Benchmark]
    public void WeightGradients() =>
        GemmContext.Cpu.Ops.KGroupedFp8Gemm(
            _gradients,
            _activations,
            _weightGradients,
            _ks,
            call: new GemmCall { Accumulate = _weightGradients }
        );
}
