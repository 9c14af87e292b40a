// SPDX-License-Identifier: MIT
using System.Runtime.Intrinsics;
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

    [Fact]
    public void EncodeE4M3_EveryCodeAndItsNeighbours_RoundsLikeTheReference()
    {
        for (var code = 0; code < 0x7F; code++)
        {
            var value = ReferenceRows.DecodeE4M3((byte)code);
            Fp8Rows.EncodeE4M3(value).Should().Be((byte)code);
            Fp8Rows.EncodeE4M3(-value).Should().Be((byte)(code | 0x80));
            if (code == 0x7E)
                continue;
            var middle = (value + ReferenceRows.DecodeE4M3((byte)(code + 1))) / 2;
            foreach (
                var x in new[] { MathF.BitDecrement(middle), middle, MathF.BitIncrement(middle) }
            )
                Fp8Rows.EncodeE4M3(x).Should().Be(MlaReference.QuantizeCode(x), $"value {x:R}");
        }
        Fp8Rows.EncodeE4M3(float.NaN).Should().Be(0x7F);
        Fp8Rows.EncodeE4M3(1e9f).Should().Be(0x7E);
        Fp8Rows.EncodeE4M3(float.NegativeInfinity).Should().Be(0xFE);
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
