// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.Testing;

namespace DeepInfra.Gemm.Tests.Cpu;

/// <summary>Operands that end at an inaccessible page: a byte read or written behind them would end the process.</summary>
public class GuardedMemoryTests
{
    public static TheoryData<SimdTier, GemmLayout> Cases()
    {
        var data = new TheoryData<SimdTier, GemmLayout>();
        foreach (var tier in Enum.GetValues<SimdTier>())
        foreach (var layout in Enum.GetValues<GemmLayout>())
            data.Add(tier, layout);
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gemm_OperandsAtTheEndOfMemory_StaysInside(SimdTier tier, GemmLayout layout)
    {
        Assert.SkipUnless(GuardedMemory.IsSupported, "needs mmap");
        StaysInside(CpuTiers.Create(tier), layout);
    }

    private static void StaysInside(GemmContext gemm, GemmLayout layout)
    {
        var transposedA = layout is GemmLayout.TN or GemmLayout.TT;
        var transposedB = layout is GemmLayout.NN or GemmLayout.TN;
        foreach (var m in transposedA ? new[] { 16, 48 } : [1, 7, 13])
        foreach (var n in new[] { 16, 48, 144 })
        foreach (var k in new[] { 16, 144, 208 })
        {
            Shape shapeA = transposedA ? [k, m] : [m, k];
            Shape shapeB = transposedB ? [k, n] : [n, k];
            using var d = GuardedMemory.Tensor<float>([m, n]);
            using var d16 = GuardedMemory.Tensor<BFloat16>([m, n]);
            using var bias = GuardedMemory.Tensor<float>([n]);

            using var a16 = Filled<BFloat16>(shapeA, (BFloat16)1f);
            using var b16 = Filled<BFloat16>(shapeB, (BFloat16)1f);
            gemm.Ops.Bf16Gemm(a16, b16, d, layout, new GemmCall { Bias = bias });
            d.AsSpan().IndexOfAnyExcept(k).Should().Be(-1);

            var blocks = (k + 127) / 128;
            var blocksN = (n + 127) / 128;
            using var a8 = Filled<Float8E4M3>(shapeA, (Float8E4M3)1f);
            using var b8 = Filled<Float8E4M3>(shapeB, (Float8E4M3)1f);
            using var scalesA = Filled<float>(transposedA ? [blocks, m] : [m, blocks], 1);
            using var scalesB = Filled<float>(
                transposedB ? [blocks, blocksN] : [blocksN, blocks],
                1
            );
            gemm.Ops.Fp8Gemm(new(a8, scalesA), new(b8, scalesB), d16, layout);
            d16.AsSpan().IndexOfAnyExcept((BFloat16)(float)k).Should().Be(-1);
        }
    }

    [Theory]
    [InlineData(SimdTier.Reference)]
    [InlineData(SimdTier.V128)]
    [InlineData(SimdTier.V256)]
    [InlineData(SimdTier.V512)]
    public void Fp8Gemm_OtherFormatsAtTheEndOfMemory_StaysInside(SimdTier tier)
    {
        Assert.SkipUnless(GuardedMemory.IsSupported, "needs mmap");
        OtherFormatsStayInside(CpuTiers.Create(tier));
    }

    private static void OtherFormatsStayInside(GemmContext gemm)
    {
        foreach (var m in new[] { 1, 16 })
        foreach (var k in new[] { 32, 160 })
        {
            const int N = 48;
            var blocks = (k + 127) / 128;
            using var d = GuardedMemory.Tensor<float>([m, N]);
            using var scalesA = Filled<float>([m, blocks], 1);
            using var scalesB = Filled<float>([1, blocks], 1);
            using var a5 = Filled<Float8E5M2>([m, k], (Float8E5M2)1f);
            using var b5 = Filled<Float8E5M2>([N, k], (Float8E5M2)1f);
            gemm.Ops.Fp8GemmNT(new(a5, scalesA), new(b5, scalesB), d);
            d.AsSpan().IndexOfAnyExcept(k).Should().Be(-1);

            // Every byte holds the code of 1 twice.
            using var b4 = Filled<byte>([N, k / 2], 0x22);
            using var scales4 = Filled<float>([N, (k + 31) / 32], 1);
            using var a8 = Filled<Float8E4M3>([m, k], (Float8E4M3)1f);
            gemm.Ops.Fp8GemmNT(new(a8, scalesA), new(b4, scales4, IsFp4: true), d);
            d.AsSpan().IndexOfAnyExcept(k).Should().Be(-1);
        }
    }

    [Theory]
    [InlineData(GemmLayout.NT)]
    [InlineData(GemmLayout.NN)]
    [InlineData(GemmLayout.TN)]
    [InlineData(GemmLayout.TT)]
    public void Gemm_NativeKernels_StayInside(GemmLayout layout)
    {
        Assert.SkipUnless(GuardedMemory.IsSupported, "needs mmap");
        StaysInside(CpuTiers.CreateNative(), layout);
    }

    [Fact]
    public void Fp8Gemm_OtherFormatsWithNativeKernels_StaysInside()
    {
        Assert.SkipUnless(GuardedMemory.IsSupported, "needs mmap");
        OtherFormatsStayInside(CpuTiers.CreateNative());
    }

    [Theory]
    [InlineData(SimdTier.Reference)]
    [InlineData(SimdTier.V128)]
    [InlineData(SimdTier.V256)]
    [InlineData(SimdTier.V512)]
    public void Gemm_OverlappingRowsAtTheEndOfMemory_StaysInside(SimdTier tier)
    {
        Assert.SkipUnless(GuardedMemory.IsSupported, "needs mmap");
        OverlappingRowsStayInside(CpuTiers.Create(tier));
    }

    [Fact]
    public void Gemm_OverlappingRowsWithNativeKernels_StaysInside()
    {
        Assert.SkipUnless(GuardedMemory.IsSupported, "needs mmap");
        OverlappingRowsStayInside(CpuTiers.CreateNative());
    }

    // Every k is the same row: what follows it in memory is not another one.
    private static void OverlappingRowsStayInside(GemmContext gemm)
    {
        foreach (var k in new[] { 6, 16, 144 })
        {
            using var a16 = Repeated<BFloat16>(k, 8, (BFloat16)1f);
            using var b16 = Repeated<BFloat16>(k, 24, (BFloat16)1f);
            using var d16 = GuardedMemory.Tensor<float>([8, 24]);
            gemm.Ops.Bf16Gemm(a16, b16, d16, GemmLayout.TN);
            d16.AsSpan().IndexOfAnyExcept(k).Should().Be(-1);

            var blocks = (k + 127) / 128;
            using var a8 = Repeated<Float8E4M3>(k, 16, (Float8E4M3)1f);
            using var b8 = Repeated<Float8E4M3>(k, 48, (Float8E4M3)1f);
            using var scalesA = Filled<float>([blocks, 16], 1);
            using var scalesB = Filled<float>([blocks, 1], 1);
            using var d8 = GuardedMemory.Tensor<float>([16, 48]);
            gemm.Ops.Fp8Gemm(new(a8, scalesA), new(b8, scalesB), d8, GemmLayout.TN);
            d8.AsSpan().IndexOfAnyExcept(k).Should().Be(-1);
        }
    }

    private static unsafe Tensor<T> Repeated<T>(int rows, int columns, T value)
        where T : unmanaged
    {
        using var row = Filled<T>([1, columns], value);
        var managed = row.ToDLPack();
        managed->Tensor.Shape[0] = rows;
        managed->Tensor.Strides[0] = 0;
        return Tensor.FromDLPack(managed).As<T>();
    }

    private static Tensor<T> Filled<T>(Shape shape, T value)
        where T : unmanaged
    {
        var tensor = GuardedMemory.Tensor<T>(shape);
        tensor.Fill(value);
        return tensor;
    }
}
