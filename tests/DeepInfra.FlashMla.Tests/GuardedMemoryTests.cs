// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.Testing;

namespace DeepInfra.FlashMla.Tests;

/// <summary>Tensors that end at an inaccessible page: a byte read or written behind them would end the process.</summary>
public class GuardedMemoryTests
{
    private static readonly SimdTier[] s_tiers = Enum.GetValues<SimdTier>();

    public static TheoryData<KvCacheFormat, int, int> Caches =>
        new()
        {
            { KvCacheFormat.BFloat16, 576, 512 },
            { KvCacheFormat.BFloat16, 40, 24 },
            { KvCacheFormat.BFloat16, 17, 5 },
            { KvCacheFormat.Float16, 96, 96 },
            { KvCacheFormat.Float16, 33, 33 },
            { KvCacheFormat.Fp8V32, 576, 512 },
            { KvCacheFormat.Fp8Model1, 512, 512 },
        };

    [Theory]
    [MemberData(nameof(Caches))]
    public void Decode_TensorsAtTheEndOfMemory_StaysInside(
        KvCacheFormat format,
        int headDim,
        int valueDim
    )
    {
        Assert.SkipUnless(GuardedMemory.IsSupported, "needs mmap");
        const int Tokens = 2;
        using var data = Cache(format, headDim, blocks: 3, page: 16);
        var cache = new KvBlocks(data, format);
        using var table = GuardedMemory.Tensor<int>([1, 3]);
        new[] { 0, 2, 1 }.CopyTo(table.AsSpan());
        using var lengths = GuardedMemory.Tensor<int>([1]);
        lengths.Fill(48);
        foreach (var tier in s_tiers)
        foreach (var heads in new[] { 1, 5 })
        {
            using var q = GuardedMemory.Tensor<BFloat16>([1, Tokens, heads, headDim]);
            using var output = GuardedMemory.Tensor<BFloat16>([1, Tokens, heads, valueDim]);
            using var lse = GuardedMemory.Tensor<float>([1, heads, Tokens]);
            using var plan = MlaDecodePlan.Create(
                Device.Cpu,
                new()
                {
                    Shape = new MlaShape(heads, 1, headDim, valueDim),
                    QueryTokens = Tokens,
                    MaxBatch = 1,
                    PageSize = 16,
                    Format = format,
                    Causal = true,
                    Cpu = new() { MaxIsa = tier, MaxDegreeOfParallelism = 2 },
                }
            );
            plan.Update(lengths);

            MlaAttention.Decode(plan, q, cache, table, lengths, output, lse);

            // Equal keys: the log-sum-exp is the logarithm of their number.
            lse[0, 0, 0].Should().BeApproximately(MathF.Log(47), 1e-5f);
            lse[0, heads - 1, 1].Should().BeApproximately(MathF.Log(48), 1e-5f);
        }
    }

    [Theory]
    [InlineData(192, 128)]
    [InlineData(24, 40)]
    [InlineData(5, 7)]
    public void Prefill_TensorsAtTheEndOfMemory_StaysInside(int headDim, int valueDim)
    {
        Assert.SkipUnless(GuardedMemory.IsSupported, "needs mmap");
        const int Tokens = 67;
        using var q = GuardedMemory.Tensor<BFloat16>([Tokens, 2, headDim]);
        using var k = GuardedMemory.Tensor<BFloat16>([Tokens, 1, headDim]);
        using var v = GuardedMemory.Tensor<Half>([Tokens, 1, valueDim]);
        using var cu = GuardedMemory.Tensor<int>([2]);
        cu[1] = Tokens;
        using var output = GuardedMemory.Tensor<BFloat16>([Tokens, 2, valueDim]);
        using var lse = GuardedMemory.Tensor<float>([Tokens, 2]);
        using var gradOut = GuardedMemory.Tensor<float>([Tokens, 2, valueDim]);
        using var gradQ = GuardedMemory.Tensor<BFloat16>(q.Shape);
        using var gradK = GuardedMemory.Tensor<BFloat16>(k.Shape);
        using var gradV = GuardedMemory.Tensor<float>(v.Shape);
        foreach (var tier in s_tiers)
        {
            var cpu = new CpuBackendOptions { MaxIsa = tier, MaxDegreeOfParallelism = 2 };

            // A limit far above the longest sequence costs nothing and overflows nothing.
            MlaAttention.PrefillDense(
                q,
                k,
                v,
                cu,
                cu,
                int.MaxValue,
                int.MaxValue,
                causal: true,
                output: output,
                logSumExp: lse,
                cpu: cpu
            );
            MlaAttention.PrefillDenseBackward(
                gradOut,
                q,
                k,
                v,
                output,
                lse,
                cu,
                cu,
                int.MaxValue,
                int.MaxValue,
                causal: true,
                gradQuery: gradQ,
                gradKey: gradK,
                gradValue: gradV,
                cpu: cpu
            );

            lse[Tokens - 1, 1].Should().BeApproximately(MathF.Log(Tokens), 1e-5f);
            lse[2, 0].Should().BeApproximately(MathF.Log(3), 1e-5f);
        }
    }

    [Theory]
    [InlineData(KvCacheFormat.Fp8V32, 576)]
    [InlineData(KvCacheFormat.Fp8Model1, 512)]
    [InlineData(KvCacheFormat.BFloat16, 33)]
    public void Quantize_TensorsAtTheEndOfMemory_StaysInside(KvCacheFormat format, int headDim)
    {
        Assert.SkipUnless(GuardedMemory.IsSupported, "needs mmap");
        using var data = Cache(format, headDim, blocks: 2, page: 3);
        var cache = new KvBlocks(data, format);
        using var rows = GuardedMemory.Tensor<BFloat16>([2, 3, 1, headDim]);
        using var back = GuardedMemory.Tensor<Half>([2, 3, 1, headDim]);
        rows.Fill((BFloat16)0.5f);

        MlaKvQuantizer.Quantize(rows, cache);
        MlaKvQuantizer.Dequantize(cache, back);

        back.AsSpan().IndexOfAnyExcept((Half)0.5f).Should().Be(-1);
    }

    private static Tensor Cache(KvCacheFormat format, int headDim, int blocks, int page) =>
        format switch
        {
            KvCacheFormat.BFloat16 => GuardedMemory.Tensor<BFloat16>([blocks, page, 1, headDim]),
            KvCacheFormat.Float16 => GuardedMemory.Tensor<Half>([blocks, page, 1, headDim]),
            KvCacheFormat.Fp8V32 => GuardedMemory.Tensor<byte>([blocks, page, 1, 656]),
            _ => GuardedMemory.Tensor<byte>([blocks, page, 1, 584]),
        };
}
