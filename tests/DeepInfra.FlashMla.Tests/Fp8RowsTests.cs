// SPDX-License-Identifier: MIT
using System.Runtime.Intrinsics;
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.FlashMla.Cpu;

namespace DeepInfra.FlashMla.Tests;

public sealed unsafe class Fp8RowsTests
{
    [Fact]
    public void LoadE4M3_AllCodes_AreExactInEveryTier()
    {
        var codes = stackalloc byte[256];
        for (var i = 0; i < 256; i++)
            codes[i] = (byte)i;

        Decode<SimdScalar, float>(codes);
        Decode<Simd128, Vector128<float>>(codes);
        Decode<Simd256, Vector256<float>>(codes);
        Decode<Simd512, Vector512<float>>(codes);
    }

    [Theory]
    [InlineData(SimdTier.Reference)]
    [InlineData(SimdTier.V128)]
    [InlineData(SimdTier.V256)]
    [InlineData(SimdTier.V512)]
    public void Encode_EveryCodeAndItsNeighbours_RoundsLikeTheReference(SimdTier tier)
    {
        var values = new List<float> { float.NaN, 449, 463, 464, 465, 1e9f, -1e9f };
        for (var code = 0; code < 0x7F; code++)
        {
            var value = ReferenceRows.DecodeE4M3((byte)code);
            values.AddRange([value, -value]);
            if (code == 0x7E)
                continue;
            var middle = (value + ReferenceRows.DecodeE4M3((byte)(code + 1))) / 2;
            values.AddRange([MathF.BitDecrement(middle), middle, MathF.BitIncrement(middle)]);
        }
        while (values.Count % 16 != 0)
            values.Add(0);
        foreach (var scale in new[] { 1f, 0.25f, 3f })
        {
            var input = values.Select(v => v * scale).ToArray();
            var codes = new byte[input.Length];

            fixed (float* source = input)
            fixed (byte* target = codes)
                TileEncoder.Encode(source, target, input.Length, scale, tier);

            for (var i = 0; i < input.Length; i++)
                codes[i]
                    .Should()
                    .Be(
                        MlaReference.QuantizeCode((double)(input[i] / scale)),
                        $"value {input[i]:R}"
                    );
        }
    }

    [Theory]
    [InlineData(SimdTier.Reference)]
    [InlineData(SimdTier.V512)]
    public void Amax_AnyPlace_IsFoundAndNaNWins(SimdTier tier)
    {
        var values = stackalloc float[64];
        for (var at = 0; at < 64; at++)
        {
            for (var i = 0; i < 64; i++)
                values[i] = i == at ? -7 : i / 64f;
            TileEncoder.Amax(values, 64, tier).Should().Be(7);
            values[(at + 5) % 64] = float.NaN;
            float.IsNaN(TileEncoder.Amax(values, 64, tier)).Should().BeTrue();
        }
    }

    [Theory]
    [InlineData(1f)]
    [InlineData(0.0009765625f)]
    [InlineData(-2f)]
    [InlineData(0.3f)]
    [InlineData(float.NaN)]
    [InlineData(0f)]
    [InlineData(1e-38f)]
    public void DecodeTile_AllCodesAndScales_RoundTheProductOnce(float scale)
    {
        var codes = stackalloc byte[256];
        for (var i = 0; i < 256; i++)
            codes[i] = (byte)i;
        var narrow = stackalloc ushort[256];
        var wide = stackalloc ushort[256];

        Fp8Decoder.DecodeTile<SimdScalar, float>(codes, 256, scale, narrow);
        Fp8Decoder.DecodeTile<Simd512, Vector512<float>>(codes, 256, scale, wide);
        // Without the NaN codes, so that the look-up path runs to its end.
        Fp8Decoder.DecodeTile<Simd512, Vector512<float>>(codes, 64, scale, wide);
        Fp8Decoder.DecodeTile<Simd512, Vector512<float>>(codes + 128, 64, scale, wide + 128);

        for (var i = 0; i < 256; i++)
        {
            var expected = (BFloat16)(ReferenceRows.DecodeE4M3((byte)i) * scale);
            Same(narrow[i], expected).Should().BeTrue($"code {i}");
            Same(wide[i], expected).Should().BeTrue($"code {i}");
        }

        static bool Same(ushort bits, BFloat16 expected) =>
            bits == expected.Bits
            || (float.IsNaN((float)expected) && float.IsNaN((float)BFloat16.FromBits(bits)));
    }

    [Fact]
    public void PowerOfTwoScale_AroundPowers_IsTheSmallestThatFits()
    {
        for (var e = -20; e <= 20; e++)
        {
            var power = 448 * MathF.Pow(2, e);
            foreach (
                var amax in new[] { MathF.BitDecrement(power), power, MathF.BitIncrement(power) }
            )
                Fp8Rows
                    .PowerOfTwoScale(amax)
                    .Should()
                    .Be(
                        MlaReference.QuantizeScale(amax, KvScaleFormat.PowerOfTwo),
                        $"amax {amax:R}"
                    );
        }
        Fp8Rows.PowerOfTwoScale(0).Should().Be(MathF.Pow(2, -13));
    }

    [Fact]
    public void DecodeE8M0_EdgeCodes_AreExact()
    {
        Fp8Rows.DecodeE8M0(0).Should().Be(MathF.Pow(2, -127));
        Fp8Rows.DecodeE8M0(1).Should().Be(MathF.Pow(2, -126));
        Fp8Rows.DecodeE8M0(127).Should().Be(1);
        Fp8Rows.DecodeE8M0(254).Should().Be(MathF.Pow(2, 127));
        Fp8Rows.DecodeE8M0(255).Should().Be(float.NaN);
    }

    [Fact]
    public void Exp2_OverItsRange_IsWithinTwoUlp()
    {
        for (var x = -126f; x <= 20; x += 0.0137f)
        {
            var actual = SimdMath.Exp2<SimdScalar, float>(x);
            var expected = Math.Pow(2, x);
            var ulp = MathF.BitIncrement((float)expected) - (float)expected;
            Math.Abs(actual - expected).Should().BeLessThanOrEqualTo(2 * ulp, $"x = {x}");
        }
        SimdMath.Exp2<SimdScalar, float>(float.NegativeInfinity).Should().Be(0);
        SimdMath.Exp2<SimdScalar, float>(0).Should().Be(1);
        float.IsNaN(SimdMath.Exp2<SimdScalar, float>(float.NaN)).Should().BeTrue();
        float.IsNaN(
                SimdMath.Exp2<Simd512, Vector512<float>>(Vector512.Create(float.NaN)).GetElement(3)
            )
            .Should()
            .BeTrue();
    }

    private static void Decode<TSimd, TVector>(byte* codes)
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        var values = stackalloc float[256];
        for (var i = 0; i < 256; i += TSimd.Count)
            TSimd.Store(TSimd.LoadE4M3(codes + i), values + i);
        for (var i = 0; i < 256; i++)
            BitConverter
                .SingleToInt32Bits(float.IsNaN(values[i]) ? float.NaN : values[i])
                .Should()
                .Be(BitConverter.SingleToInt32Bits(ReferenceRows.DecodeE4M3((byte)i)), $"code {i}");
    }
}
