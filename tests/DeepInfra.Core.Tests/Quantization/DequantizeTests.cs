// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;
using DeepInfra.Core.Quantization;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Quantization;

public class DequantizeTests
{
    public static TheoryData<SimdTier> Tiers => SimdTiers.Theory;

    [Theory]
    [MemberData(nameof(Tiers))]
    public void DequantizePerToken_AllScaleForms_IsCodeTimesScale(SimdTier tier)
    {
        using var x = new DeterministicRandom(3).Normal<float>([7, 300]);
        foreach (var packed in new[] { false, true })
        {
            using var q = Quantizer.QuantizePerToken(
                x,
                64,
                packedUe8m0: packed,
                options: Options(tier)
            );
            using var back = Quantizer.DequantizePerToken(q.Data, q.Scales, 64, Options(tier));
            using var bf16 = Tensor<BFloat16>.Create([7, 300]);
            Quantizer.DequantizePerToken(q.Data, q.Scales, bf16, 64, Options(tier));

            for (var i = 0; i < 7; i++)
            for (var j = 0; j < 300; j++)
            {
                var scale = packed
                    ? (float)
                        Float8E8M0.FromBits(
                            (byte)(q.Scales.As<int>()[i, j / 256] >> 8 * (j / 64 % 4))
                        )
                    : q.Scales.As<float>()[i, j / 64];
                var expected = (float)q.Data.As<Float8E4M3>()[i, j] * scale;
                back[i, j].Should().Be(expected);
                bf16[i, j].Should().Be((BFloat16)expected);
                back[i, j].Should().BeApproximately(x[i, j], Math.Abs(x[i, j]) / 16 + 0.02f);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Tiers))]
    public void Dequantize_OtherLayouts_IsCodeTimesScale(SimdTier tier)
    {
        using var x = new DeterministicRandom(4).Normal<float>([128, 100]);
        using var block = Quantizer.QuantizePerBlock(x, 64, options: Options(tier));
        using var blockBack = Quantizer.DequantizePerBlock(
            block.Data,
            block.Scales,
            64,
            Options(tier)
        );
        using var channel = Quantizer.QuantizePerChannel(x, 64, options: Options(tier));
        using var channelBack = Quantizer.DequantizePerChannel(
            channel.Data,
            channel.Scales,
            64,
            Options(tier)
        );
        using var row = Quantizer.QuantizePerDims(x, [0], options: Options(tier));
        using var rowBack = Tensor<float>.Create(x.Shape);
        Quantizer.DequantizePerDims(row.Data, row.Scales, [0], rowBack, Options(tier));
        using var column = Quantizer.QuantizePerDims(x, [1], options: Options(tier));
        using var columnBack = Tensor<float>.Create(x.Shape);
        Quantizer.DequantizePerDims(column.Data, column.Scales, [1], columnBack, Options(tier));

        for (var i = 0; i < 128; i++)
        for (var j = 0; j < 100; j++)
        {
            blockBack[i, j]
                .Should()
                .Be(Code(block, i, j) * block.Scales.As<float>()[i / 64, j / 64]);
            channelBack[i, j]
                .Should()
                .Be(Code(channel, i, j) * channel.Scales.As<float>()[i / 64, j]);
            rowBack[i, j].Should().Be(Code(row, i, j) * row.Scales.As<float>()[i]);
            columnBack[i, j].Should().Be(Code(column, i, j) * column.Scales.As<float>()[j]);
        }

        static float Code(QuantizedTensor q, int i, int j) => (float)q.Data.As<Float8E4M3>()[i, j];
    }

    [Theory]
    [MemberData(nameof(Tiers))]
    public void DequantizeFp4_RoundTrip_IsCodeTimesScale(SimdTier tier)
    {
        using var x = new DeterministicRandom(5).Normal<float>([3, 90]);
        using var q = Quantizer.QuantizePerTokenFp4(x, 32, ue8m0: true, options: Options(tier));
        using var back = Quantizer.DequantizeFp4(q.Data, q.Scales, 32, Options(tier));

        for (var i = 0; i < 3; i++)
        for (var j = 0; j < 90; j++)
        {
            var code = (byte)(q.Data.As<byte>()[i, j / 2] >> 4 * (j % 2) & 0xF);
            back[i, j]
                .Should()
                .Be((float)Float4E2M1.FromBits(code) * q.Scales.As<float>()[i, j / 32]);
        }
    }

    [Theory]
    [MemberData(nameof(Tiers))]
    public void Dequantize_StridedDestination_EqualsContiguous(SimdTier tier)
    {
        using var x = new DeterministicRandom(6).Normal<float>([64, 300]);
        using var q = Quantizer.QuantizePerToken(x, 32);
        using var c = Quantizer.QuantizePerChannel(x, 32);
        using var expected = Quantizer.DequantizePerToken(q.Data, q.Scales, 32);
        using var expectedChannel = Quantizer.DequantizePerChannel(c.Data, c.Scales, 32);
        using var transposed = Tensor<float>.Create([300, 64]);

        Quantizer.DequantizePerToken(
            q.Data,
            q.Scales,
            transposed.AsTransposed(),
            32,
            Options(tier)
        );
        TensorAssertions.ShouldBeBitEqual(transposed.AsTransposed(), expected);

        Quantizer.DequantizePerChannel(
            c.Data,
            c.Scales,
            transposed.AsTransposed(),
            32,
            Options(tier)
        );
        TensorAssertions.ShouldBeBitEqual(transposed.AsTransposed(), expectedChannel);
    }

    [Fact]
    public void Dequantize_PackedZeroByte_IsTwoToMinus127()
    {
        using var data = Tensor<Float8E4M3>.FromSpan([(Float8E4M3)1f], [1, 1]);
        using var scales = Tensor<int>.Create([1, 1]);

        using var back = Quantizer.DequantizePerToken(data, scales);

        back[0, 0].Should().Be(BitConverter.UInt32BitsToSingle(0x0040_0000));
    }

    private static CpuBackendOptions Options(SimdTier tier) => new() { MaxIsa = tier };
}
