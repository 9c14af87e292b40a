// SPDX-License-Identifier: MIT
using System.Globalization;

namespace DeepInfra.Core.Tests.Numerics;

public class BFloat16Tests
{
    [Fact]
    public void RoundTrip_All65536Codes_IsExact()
    {
        for (var code = 0; code < 65536; code++)
        {
            var value = BFloat16.FromBits((ushort)code);
            var back = (BFloat16)(float)value;
            back.Bits.Should().Be(BFloat16.IsNaN(value) ? (ushort)0x7FFF : (ushort)code);
        }
    }

    [Fact]
    public void FromSingle_EdgeInputs_RoundsToNearestEven()
    {
        foreach (var x in FloatInputs.Edges)
            if (!float.IsNaN(x))
                ((BFloat16)x).Bits.Should().Be(Expected(x), "{0:R}", x);
    }

    [Fact]
    public void FromSingle_MidpointsOfAllCodes_RoundsToNearestEven()
    {
        for (var code = 0u; code < 0x7F80; code++)
        {
            foreach (var low in new uint[] { 0x7FFF, 0x8000, 0x8001 })
            {
                var up = low > 0x8000 || (low == 0x8000 && (code & 1) == 1);
                var value = BitConverter.UInt32BitsToSingle(code << 16 | low);
                ((BFloat16)value).Bits.Should().Be((ushort)(up ? code + 1 : code));
                ((BFloat16)(-value)).Bits.Should().Be((ushort)((up ? code + 1 : code) | 0x8000));
            }
        }
    }

    [Theory]
    [InlineData(0x7F800001u)]
    [InlineData(0x7FFFFFFFu)]
    [InlineData(0xFFC00000u)]
    [InlineData(0xFF800001u)]
    public void FromSingle_NaN_BecomesCanonical(uint bits) =>
        ((BFloat16)BitConverter.UInt32BitsToSingle(bits)).Bits.Should().Be(0x7FFF);

    [Fact]
    public void Predicates_AllCodes_AgreeWithSingle()
    {
        for (var code = 0; code < 65536; code++)
        {
            var value = BFloat16.FromBits((ushort)code);
            var wide = (float)value;
            BFloat16.IsNaN(value).Should().Be(float.IsNaN(wide));
            BFloat16.IsInfinity(value).Should().Be(float.IsInfinity(wide));
            BFloat16.IsPositiveInfinity(value).Should().Be(float.IsPositiveInfinity(wide));
            BFloat16.IsNegativeInfinity(value).Should().Be(float.IsNegativeInfinity(wide));
            BFloat16.IsFinite(value).Should().Be(float.IsFinite(wide));
            BFloat16.IsNegative(value).Should().Be(float.IsNegative(wide));
            BFloat16.IsNormal(value).Should().Be(float.IsNormal(wide));
            BFloat16.IsSubnormal(value).Should().Be(float.IsSubnormal(wide));
            ((float)BFloat16.Abs(value)).Should().Be(MathF.Abs(wide));
        }
    }

    [Fact]
    public void Comparison_SpecialValues_FollowsIeee()
    {
        (BFloat16.NaN == BFloat16.NaN).Should().BeFalse();
        (BFloat16.NaN != BFloat16.NaN).Should().BeTrue();
        BFloat16.NaN.Equals(BFloat16.FromBits(0xFFC0)).Should().BeTrue();
        (BFloat16.Zero == BFloat16.NegativeZero).Should().BeTrue();
        BFloat16.Zero.GetHashCode().Should().Be(BFloat16.NegativeZero.GetHashCode());
        (BFloat16.One > BFloat16.Zero).Should().BeTrue();
        (BFloat16.One >= BFloat16.NaN).Should().BeFalse();
        (BFloat16.NegativeOne < BFloat16.Zero).Should().BeTrue();
        (BFloat16.NegativeOne <= BFloat16.NegativeOne).Should().BeTrue();
        BFloat16.NaN.CompareTo(BFloat16.NegativeInfinity).Should().BeNegative();
        BFloat16.One.CompareTo((object?)null).Should().Be(1);
        BFloat16.One.Invoking(o => o.CompareTo("x")).Should().Throw<ArgumentException>();
        BFloat16.One.Equals((object)BFloat16.One).Should().BeTrue();
    }

    [Fact]
    public void Arithmetic_RoundsOnce()
    {
        var third = (BFloat16)(1f / 3);

        ((float)(BFloat16.One / (BFloat16)3f)).Should().Be((float)third);
        ((float)(third + third)).Should().Be(2 * (float)third);
        (third - third).Should().Be(BFloat16.Zero);
        (third * (BFloat16)3f).Bits.Should().Be(((BFloat16)((float)third * 3)).Bits);
        (-BFloat16.Zero).Bits.Should().Be(0x8000);
    }

    [Fact]
    public void Constants_HaveTheirValues()
    {
        ((float)BFloat16.One).Should().Be(1);
        ((float)BFloat16.NegativeOne).Should().Be(-1);
        ((float)BFloat16.Epsilon).Should().Be((float)Math.Pow(2, -133));
        ((float)BFloat16.MaxValue).Should().Be((float)((2 - Math.Pow(2, -7)) * Math.Pow(2, 127)));
        BFloat16.MinValue.Should().Be(-BFloat16.MaxValue);
        float.IsPositiveInfinity((float)BFloat16.PositiveInfinity).Should().BeTrue();
        float.IsNegativeInfinity((float)BFloat16.NegativeInfinity).Should().BeTrue();
    }

    [Fact]
    public void Format_UsesSingle()
    {
        var value = (BFloat16)1.5f;
        Span<char> buffer = stackalloc char[8];

        value.ToString().Should().Be("1.5");
        value.ToString("F2", CultureInfo.InvariantCulture).Should().Be("1.50");
        value
            .TryFormat(buffer, out var written, "F1", CultureInfo.InvariantCulture)
            .Should()
            .BeTrue();
        buffer[..written].ToString().Should().Be("1.5");
    }

    private static ushort Expected(float x)
    {
        var below = (ushort)(BitConverter.SingleToUInt32Bits(x) >> 16);
        var next = (ushort)(below + 1);
        var (low, high) = (Value(below), Value(next));
        var distance = Math.Abs(x - low) - Math.Abs(high - x);
        return distance < 0 || (distance == 0 && (below & 1) == 0) || float.IsInfinity(x)
            ? below
            : next;
    }

    // Infinity stands for the value after the largest finite one, as rounding sees it.
    private static double Value(ushort code) =>
        (code & 0x7FFF) == 0x7F80
            ? Math.Pow(2, 128) * (code < 0x8000 ? 1 : -1)
            : (double)(float)BFloat16.FromBits(code);
}
