// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.Core.Numerics;

namespace DeepInfra.Benchmarks.Core;

/// <summary>Conversions of a span that fits the second-level cache, one thread, at each tier.</summary>
public class NumberConvertBenchmarks
{
    private const int Count = 16 * 1024;
    private readonly float[] _wide = new float[Count];
    private readonly BFloat16[] _bf16 = new BFloat16[Count];
    private readonly Float8E4M3[] _e4m3 = new Float8E4M3[Count];
    private readonly byte[] _fp4 = new byte[Count / 2];

    [Params(SimdTier.Reference, SimdTier.V128, SimdTier.V256, SimdTier.V512)]
    public SimdTier Tier { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var random = new Random(1);
        for (var i = 0; i < Count; i++)
            _wide[i] = 200 * (random.NextSingle() - 0.5f);
        NumberConvert.Narrow(_wide, _bf16);
        NumberConvert.Narrow(_wide, _e4m3);
        NumberConvert.NarrowFp4(_wide, _fp4);
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public void WidenBFloat16() => NumberConvert.Widen(_bf16, _wide, Tier);

    [Benchmark(OperationsPerInvoke = Count)]
    public void NarrowBFloat16() => NumberConvert.Narrow(_wide, _bf16, Tier);

    [Benchmark(OperationsPerInvoke = Count)]
    public void WidenE4M3() => NumberConvert.Widen(_e4m3, _wide, Tier);

    [Benchmark(OperationsPerInvoke = Count)]
    public void WidenE4M3ToBFloat16() => NumberConvert.Widen(_e4m3, _bf16, Tier);

    [Benchmark(OperationsPerInvoke = Count)]
    public void NarrowE4M3() => NumberConvert.Narrow(_wide, _e4m3, tier: Tier);

    [Benchmark(OperationsPerInvoke = Count)]
    public void NarrowFp4() => NumberConvert.NarrowFp4(_wide, _fp4, tier: Tier);

    [Benchmark(OperationsPerInvoke = Count)]
    public void Exp() => VectorMath.Exp(_wide, _wide, Tier);
}
