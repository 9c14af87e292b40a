// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla.Tests;

public sealed unsafe class MlaKvQuantizerTests
{
    [Theory]
    [InlineData(KvScaleFormat.PowerOfTwo)]
    [InlineData(KvScaleFormat.Float32)]
    public void Quantize_V32_WritesTheDocumentedBytes(KvScaleFormat scaleFormat)
    {
        using var source = Rows(2, 3, 576, seed: 1);
        var cache = KvBlocks.Allocate(KvCacheFormat.Fp8V32, 2, 3);

        MlaKvQuantizer.Quantize(source, cache, scaleFormat);

        cache.Data.Strides[0].Should().Be(3 * 656);
        for (var block = 0; block < 2; block++)
        for (var slot = 0; slot < 3; slot++)
        {
            var row = (byte*)cache.Data.DataPointer + block * cache.Data.Strides[0] + slot * 656;
            for (var tile = 0; tile < 4; tile++)
            {
                var scale = ScaleOf(source, block, slot, tile * 128, 128, scaleFormat);
                (*(float*)(row + 512 + 4 * tile)).Should().Be(scale);
                for (var c = tile * 128; c < (tile + 1) * 128; c++)
                    row[c].Should().Be(Code(source[block, slot, 0, c], scale));
            }
            for (var c = 0; c < 64; c++)
                ((BFloat16*)(row + 528))[c].Should().Be((BFloat16)source[block, slot, 0, 512 + c]);
        }
        cache.Data.Dispose();
    }

    [Theory]
    [InlineData(64, 37_440)]
    [InlineData(256, 149_760)]
    [InlineData(2, 1_728)]
    public void Allocate_Model1_PadsTheBlockStride(int page, long stride)
    {
        var cache = KvBlocks.Allocate(KvCacheFormat.Fp8Model1, 2, page);

        cache.Data.Strides[0].Should().Be(stride);
        cache.Data.Dispose();
    }

    [Fact]
    public void Quantize_Model1_SplitsTheBlockIntoDataAndScales()
    {
        using var source = Rows(2, 5, 512, seed: 2);
        var cache = KvBlocks.Allocate(KvCacheFormat.Fp8Model1, 2, 5);

        MlaKvQuantizer.Quantize(source, cache);

        for (var block = 0; block < 2; block++)
        for (var slot = 0; slot < 5; slot++)
        {
            var start = (byte*)cache.Data.DataPointer + block * cache.Data.Strides[0];
            var row = start + 576 * slot;
            var scales = start + 576 * 5 + 8 * slot;
            for (var tile = 0; tile < 7; tile++)
            {
                var scale = ScaleOf(source, block, slot, tile * 64, 64, KvScaleFormat.PowerOfTwo);
                MathF.Pow(2, scales[tile] - 127).Should().Be(scale);
                for (var c = tile * 64; c < (tile + 1) * 64; c++)
                    row[c].Should().Be(Code(source[block, slot, 0, c], scale));
            }
            scales[7].Should().Be(0);
            for (var c = 0; c < 64; c++)
                ((BFloat16*)(row + 448))[c].Should().Be((BFloat16)source[block, slot, 0, 448 + c]);
        }
        cache.Data.Dispose();
    }

    [Theory]
    [InlineData(KvCacheFormat.Fp8V32, 576)]
    [InlineData(KvCacheFormat.Fp8Model1, 512)]
    [InlineData(KvCacheFormat.BFloat16, 576)]
    [InlineData(KvCacheFormat.Float16, 48)]
    public void Dequantize_AnyFormat_MatchesTheReference(KvCacheFormat format, int dim)
    {
        using var source = Rows(2, 3, dim, seed: 3);
        var cache = KvBlocks.Allocate(format, 2, 3, headDim: dim);
        using var plain = Tensor<float>.Create([2, 3, 1, dim]);
        MlaKvQuantizer.Quantize(source, cache);

        MlaKvQuantizer.Dequantize(cache, plain);

        for (var block = 0; block < 2; block++)
        for (var slot = 0; slot < 3; slot++)
        {
            var expected = MlaReference.Dequantize(cache, block, slot);
            for (var c = 0; c < dim; c++)
            {
                ((double)plain[block, slot, 0, c]).Should().Be(expected[c]);
                plain[block, slot, 0, c].Should().BeApproximately(source[block, slot, 0, c], 0.3f);
            }
        }
        cache.Data.Dispose();
    }

    [Theory]
    [InlineData(KvScaleFormat.PowerOfTwo, 1f / 8192)]
    [InlineData(KvScaleFormat.Float32, 1e-12f)]
    public void Quantize_ZeroTile_StoresZerosAndTheSmallestScale(KvScaleFormat format, float scale)
    {
        using var source = Tensor<float>.Create([1, 1, 1, 576]);
        var cache = KvBlocks.Allocate(KvCacheFormat.Fp8V32, 1, 1);

        MlaKvQuantizer.Quantize(source, cache, format);

        (*(float*)((byte*)cache.Data.DataPointer + 512)).Should().Be(scale);
        ((byte*)cache.Data.DataPointer)[100].Should().Be(0);
        cache.Data.Dispose();
    }

    [Fact]
    public void Quantize_NaNInTile_GivesNaNScaleForThatTileOnly()
    {
        using var source = Rows(1, 1, 576, seed: 4);
        source[0, 0, 0, 130] = float.NaN;
        var v32 = KvBlocks.Allocate(KvCacheFormat.Fp8V32, 1, 1);
        using var short512 = source.AsSlice(3, 0, 512);
        var model1 = KvBlocks.Allocate(KvCacheFormat.Fp8Model1, 1, 1);

        MlaKvQuantizer.Quantize(source, v32);
        MlaKvQuantizer.Quantize(short512, model1);

        var row = MlaReference.Dequantize(v32, 0, 0);
        double.IsFinite(row[127]).Should().BeTrue();
        double.IsNaN(row[128]).Should().BeTrue();
        double.IsNaN(row[255]).Should().BeTrue();
        double.IsFinite(row[256]).Should().BeTrue();
        ((byte*)model1.Data.DataPointer)[576 + 2].Should().Be(255);
        v32.Data.Dispose();
        model1.Data.Dispose();
    }

    [Fact]
    public void Quantize_NaNWithFloatScales_GivesANaNScale()
    {
        using var source = Rows(1, 1, 576, seed: 4);
        source[0, 0, 0, 5] = float.NaN;
        var cache = KvBlocks.Allocate(KvCacheFormat.Fp8V32, 1, 1);

        MlaKvQuantizer.Quantize(source, cache, KvScaleFormat.Float32);

        float.IsNaN(*(float*)((byte*)cache.Data.DataPointer + 512)).Should().BeTrue();
        float.IsFinite(*(float*)((byte*)cache.Data.DataPointer + 516)).Should().BeTrue();
        cache.Data.Dispose();
    }

    [Fact]
    public void Quantize_InfiniteRope_IsStoredBecauseItHasNoScale()
    {
        using var source = Rows(1, 1, 576, seed: 4);
        source[0, 0, 0, 512] = float.PositiveInfinity;
        source[0, 0, 0, 575] = float.NegativeInfinity;
        var cache = KvBlocks.Allocate(KvCacheFormat.Fp8V32, 1, 1);
        using var back = Tensor<float>.Create(source.Shape);

        MlaKvQuantizer.Quantize(source, cache);
        MlaKvQuantizer.Dequantize(cache, back);

        back[0, 0, 0, 512].Should().Be(float.PositiveInfinity);
        back[0, 0, 0, 575].Should().Be(float.NegativeInfinity);
        float.IsFinite(back[0, 0, 0, 0]).Should().BeTrue();
        cache.Data.Dispose();
    }

    [Theory]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void Quantize_InfiniteValue_Throws(float value)
    {
        using var source = Rows(1, 2, 576, seed: 5);
        source[0, 1, 0, 500] = value;
        var cache = KvBlocks.Allocate(KvCacheFormat.Fp8V32, 1, 2);

        FluentActions
            .Invoking(() => MlaKvQuantizer.Quantize(source, cache))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*source[0,1]*infinite*");
        cache.Data.Dispose();
    }

    [Fact]
    public void Quantize_DequantizedData_KeepsTheValues()
    {
        using var source = Rows(1, 8, 576, seed: 6);
        var first = KvBlocks.Allocate(KvCacheFormat.Fp8V32, 1, 8);
        var second = KvBlocks.Allocate(KvCacheFormat.Fp8V32, 1, 8);
        using var plain = Tensor<float>.Create(source.Shape);
        MlaKvQuantizer.Quantize(source, first);
        MlaKvQuantizer.Dequantize(first, plain);

        MlaKvQuantizer.Quantize(plain, second);

        for (var slot = 0; slot < 8; slot++)
            MlaReference
                .Dequantize(second, 0, slot)
                .Should()
                .Equal(MlaReference.Dequantize(first, 0, slot));
        first.Data.Dispose();
        second.Data.Dispose();
    }

    [Fact]
    public void Quantize_BFloat16Rope_IsCopiedBitForBit()
    {
        using var source = Tensor<BFloat16>.Create([1, 1, 1, 576]);
        for (var c = 0; c < 64; c++)
            source[0, 0, 0, 512 + c] = BFloat16.FromBits((ushort)(0x7F81 + c)); // NaNs with payload
        var cache = KvBlocks.Allocate(KvCacheFormat.Fp8V32, 1, 1);

        MlaKvQuantizer.Quantize(source, cache);

        var rope = (ushort*)((byte*)cache.Data.DataPointer + 528);
        for (var c = 0; c < 64; c++)
            rope[c].Should().Be((ushort)(0x7F81 + c));
        cache.Data.Dispose();
    }

    [Fact]
    public void Quantize_WrongArguments_Throw()
    {
        using var source = Rows(1, 2, 512, seed: 7);
        var v32 = KvBlocks.Allocate(KvCacheFormat.Fp8V32, 1, 2);
        var model1 = KvBlocks.Allocate(KvCacheFormat.Fp8Model1, 1, 2);

        FluentActions
            .Invoking(() => MlaKvQuantizer.Quantize(source, v32))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*source: expected shape [1,2,1,576], got [1,2,1,512]*");
        FluentActions
            .Invoking(() => MlaKvQuantizer.Quantize(source, model1, KvScaleFormat.Float32))
            .Should()
            .Throw<NotSupportedException>()
            .WithMessage("*Fp8Model1*");
        v32.Data.Dispose();
        model1.Data.Dispose();
    }

    private static Tensor<float> Rows(int blocks, int page, int dim, int seed)
    {
        var random = new Random(seed);
        var rows = Tensor<float>.Create([blocks, page, 1, dim]);
        foreach (ref var x in rows.AsSpan())
            x = (float)((random.NextDouble() * 2 - 1) * Math.Pow(10, random.Next(-4, 1)));
        return rows;
    }

    private static float ScaleOf(
        Tensor<float> source,
        int block,
        int slot,
        int first,
        int count,
        KvScaleFormat format
    )
    {
        float amax = 0;
        for (var c = first; c < first + count; c++)
            amax = Math.Max(amax, Math.Abs(source[block, slot, 0, c]));
        return MlaReference.QuantizeScale(amax, format);
    }

    private static byte Code(float value, float scale) =>
        MlaReference.QuantizeCode((double)(value / scale));
}
