// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Tests.Numerics;

public class FormatTests
{
    public static TheoryData<string> InputSets => ["bf16", "edges"];

    [Fact]
    public void E4M3ToSingle_AllCodes_MatchDefinition() =>
        CheckDecode(FormatOracle.E4M3, c => (float)Float8E4M3.FromBits(c), _ => double.NaN);

    [Fact]
    public void E5M2ToSingle_AllCodes_MatchDefinition() =>
        CheckDecode(
            FormatOracle.E5M2,
            c => (float)Float8E5M2.FromBits(c),
            code => code == 0x7C ? double.PositiveInfinity : double.NaN
        );

    [Fact]
    public void E2M1ToSingle_AllCodes_MatchDefinition()
    {
        float[] expected = [0, 0.5f, 1, 1.5f, 2, 3, 4, 6];

        for (var code = 0; code < 16; code++)
        {
            var value = (float)Float4E2M1.FromBits((byte)code);
            Bits(value).Should().Be(Bits(code < 8 ? expected[code] : -expected[code - 8]));
        }
    }

    [Fact]
    public void E8M0ToSingle_AllCodes_ArePowersOfTwo()
    {
        for (var code = 0; code < 255; code++)
            ((float)Float8E8M0.FromBits((byte)code)).Should().Be((float)Math.Pow(2, code - 127));
        float.IsNaN((float)Float8E8M0.FromBits(0xFF)).Should().BeTrue();
        Bits((float)Float8E8M0.FromBits(0)).Should().Be(0x0040_0000);
    }

    [Theory]
    [MemberData(nameof(InputSets))]
    public void E4M3FromSingle_AnyInput_MatchesSearch(string set)
    {
        foreach (var x in Inputs(set))
        {
            var sign = float.IsNegative(x) ? 0x80 : 0;
            var code = float.IsNaN(x) ? 0 : FormatOracle.E4M3.Nearest(Math.Abs((double)x));
            var saturated = float.IsNaN(x) ? 0x7F : Math.Min(code, 0x7E) | sign;
            var plain = float.IsNaN(x) ? 0x7F : code | sign;
            Check(x, Float8E4M3.FromSingle(x).Bits, saturated);
            Check(x, ((Float8E4M3)x).Bits, saturated);
            Check(x, Float8E4M3.FromSingle(x, OverflowMode.NoSaturate).Bits, plain);
        }
    }

    [Theory]
    [MemberData(nameof(InputSets))]
    public void E5M2FromSingle_AnyInput_MatchesSearch(string set)
    {
        foreach (var x in Inputs(set))
        {
            var sign = float.IsNegative(x) ? 0x80 : 0;
            var code = float.IsNaN(x) ? 0 : FormatOracle.E5M2.Nearest(Math.Abs((double)x));
            var saturated = float.IsNaN(x) ? 0x7F : Math.Min(code, 0x7B) | sign;
            var plain = float.IsNaN(x) ? 0x7F : code | sign;
            Check(x, Float8E5M2.FromSingle(x).Bits, saturated);
            Check(x, ((Float8E5M2)x).Bits, saturated);
            Check(x, Float8E5M2.FromSingle(x, OverflowMode.NoSaturate).Bits, plain);
        }
    }

    [Theory]
    [MemberData(nameof(InputSets))]
    public void E2M1FromSingle_AnyInput_MatchesSearch(string set)
    {
        foreach (var x in Inputs(set))
        {
            var sign = float.IsNegative(x) ? 8 : 0;
            var magnitude = Math.Abs((double)x);
            var even = float.IsNaN(x)
                ? 7
                : Math.Min(FormatOracle.E2M1.Nearest(magnitude), 7) | sign;
            var down = float.IsNaN(x)
                ? 0
                : Math.Min(FormatOracle.E2M1.Nearest(magnitude, tiesToEven: false), 7);
            Check(x, Float4E2M1.FromSingle(x).Bits, even);
            Check(x, ((Float4E2M1)x).Bits, even);
            Check(
                x,
                Float4E2M1.FromSingle(x, Fp4Rounding.HalfDown).Bits,
                down == 0 ? 0 : down | sign
            );
        }
    }

    [Theory]
    [MemberData(nameof(InputSets))]
    public void E8M0FromSingle_AnyInput_MatchesSearch(string set)
    {
        double[] powers = [.. Enumerable.Range(0, 255).Select(c => Math.Pow(2, c - 127))];
        foreach (var x in Inputs(set))
        {
            var magnitude = Math.Abs((double)x);
            var (up, zero) = (0, 254);
            while (up < 255 && !(powers[up] >= magnitude))
                up++;
            while (zero > 0 && !(powers[zero] <= magnitude))
                zero--;
            if (double.IsInfinity(magnitude))
                zero = 255;
            var (upSaturated, zeroSaturated) = (Math.Min(up, 254), Math.Min(zero, 254));
            if (float.IsNaN(x))
                up = zero = upSaturated = zeroSaturated = 255;
            Check(x, Float8E8M0.FromSingle(x).Bits, upSaturated);
            Check(x, ((Float8E8M0)x).Bits, upSaturated);
            Check(x, Encode(Ue8m0Rounding.RoundUp, OverflowMode.NoSaturate), up);
            Check(x, Encode(Ue8m0Rounding.RoundZero, OverflowMode.SaturateFinite), zeroSaturated);
            Check(x, Encode(Ue8m0Rounding.RoundZero, OverflowMode.NoSaturate), zero);

            byte Encode(Ue8m0Rounding rounding, OverflowMode overflow) =>
                Float8E8M0.FromSingle(x, rounding, overflow).Bits;
        }
    }

    [Theory]
    [MemberData(nameof(InputSets))]
    public void ScaleCeil_AnyInput_FollowsTheFields(string set)
    {
        foreach (var x in Inputs(set))
        {
            var bits = Bits(x);
            var expected = (int)(bits >> 23 & 0xFF) + ((bits & 0x7F_FFFF) != 0 ? 1 : 0);
            Check(x, Float8E8M0.ScaleCeil(x).Bits, Math.Clamp(expected, 1, 254));
            Check(x, Float8.ScaleCeil(x).Bits, Math.Clamp(expected, 1, 254));
        }
    }

    private static void CheckDecode(
        FormatOracle oracle,
        Func<byte, float> decode,
        Func<int, double> special
    )
    {
        for (var code = 0; code < 256; code++)
        {
            var magnitude = code & 0x7F;
            var expected =
                magnitude < oracle.FiniteCodes ? oracle.ValueOf(magnitude) : special(magnitude);
            var actual = decode((byte)code);
            if (double.IsNaN(expected))
                (Bits(actual) & 0x7FC0_0000).Should().Be(0x7FC0_0000);
            else
                Bits(actual).Should().Be(Bits((float)(code < 128 ? expected : -expected)));
        }
    }

    private static float[] Inputs(string set) =>
        set == "bf16" ? FloatInputs.AllBFloat16 : FloatInputs.Edges;

    private static void Check(float input, int actual, int expected)
    {
        if (actual != expected)
            Assert.Fail(
                $"{input:R} (0x{Bits(input):X8}): expected 0x{expected:X2}, got 0x{actual:X2}"
            );
    }

    private static uint Bits(float value) => BitConverter.SingleToUInt32Bits(value);
}
