// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.Core;
using DeepInfra.Gemm;

namespace DeepInfra.Benchmarks.Gemm;

/// <summary>Dense multiplications with the weight shapes of DeepSeek's large models (N x K).</summary>
[MemoryDiagnoser]
public class DenseGemmBenchmarks
{
    private ScaledTensor _a8;
    private ScaledTensor _b8;
    private Tensor<BFloat16> _a16 = null!;
    private Tensor<BFloat16> _b16 = null!;
    private Tensor<BFloat16> _d = null!;

    [Params(1, 4, 128)]
    public int M { get; set; }

    [Params(
        "2112x7168",
        "576x7168",
        "24576x1536",
        "32768x512",
        "7168x16384",
        "7168x2048",
        "4096x7168",
        "1024x1024"
    )]
    public string Weights { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        var parts = Weights.Split('x').Select(int.Parse).ToArray();
        var (n, k) = (parts[0], parts[1]);
        var random = new Random(1);
        var blocks = GemmOperands.Blocks(k);
        _a8 = GemmOperands.Fp8(random, [M, k], [M, blocks]);
        _b8 = GemmOperands.Fp8(random, [n, k], [GemmOperands.Blocks(n), blocks]);
        _a16 = GemmOperands.BFloat16s(random, [M, k]);
        _b16 = GemmOperands.BFloat16s(random, [n, k]);
        _d = Tensor<BFloat16>.Create([M, n]);
    }

    [Benchmark]
    public void Fp8() => GemmContext.Cpu.Ops.Fp8GemmNT(_a8, _b8, _d);

    [Benchmark]
    public void Bf16() => GemmContext.Cpu.Ops.Bf16GemmNT(_a16, _b16, _d);
}
