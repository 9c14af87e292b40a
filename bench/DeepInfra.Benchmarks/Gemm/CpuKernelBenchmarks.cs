// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.Core;
using DeepInfra.Gemm;

namespace DeepInfra.Benchmarks.Gemm;

/// <summary>Large products on the CPU by element type and layout, with managed kernels and with those that are chosen by default.</summary>
[MemoryDiagnoser]
public class CpuKernelBenchmarks
{
    private const int N = 1024;
    private const int K = 1024;

    private GemmOperators _ops = null!;
    private ScaledTensor _a8;
    private ScaledTensor _b8;
    private ScaledTensor _b4;
    private Tensor<BFloat16> _a16 = null!;
    private Tensor<BFloat16> _b16 = null!;
    private Tensor<BFloat16> _transposedA16 = null!;
    private Tensor<BFloat16> _transposedB16 = null!;
    private Tensor<BFloat16> _d = null!;

    [Params(1024, 4096)]
    public int M { get; set; }

    [Params(GemmCpuKernels.Managed, GemmCpuKernels.Auto)]
    public GemmCpuKernels Kernels { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        var blocks = GemmOperands.Blocks(K);
        _ops = GemmContext.CreateCpu(new GemmOptions { CpuKernels = Kernels }).Ops;
        _a8 = GemmOperands.Fp8(random, [M, K], [M, blocks]);
        _b8 = GemmOperands.Fp8(random, [N, K], [GemmOperands.Blocks(N), blocks]);
        _b4 = GemmOperands.Fp4(random, N, K);
        _a16 = GemmOperands.BFloat16s(random, [M, K]);
        _b16 = GemmOperands.BFloat16s(random, [N, K]);
        _transposedA16 = GemmOperands.BFloat16s(random, [K, M]);
        _transposedB16 = GemmOperands.BFloat16s(random, [K, N]);
        _d = Tensor<BFloat16>.Create([M, N]);
    }

    [Benchmark]
    public void Fp8() => _ops.Fp8GemmNT(_a8, _b8, _d);

    [Benchmark]
    public void Fp8ByFp4() => _ops.Fp8GemmNT(_a8, _b4, _d);

    [Benchmark]
    public void Bf16() => _ops.Bf16GemmNT(_a16, _b16, _d);

    [Benchmark]
    public void Bf16MnMajor() => _ops.Bf16GemmTN(_transposedA16, _transposedB16, _d);
}
