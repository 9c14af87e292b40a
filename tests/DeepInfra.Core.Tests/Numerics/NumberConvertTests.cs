// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using DeepInfra.Core.Cpu;
using DeepInfra.Core.Numerics;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Numerics;

public class NumberConvertTests
{
    public static TheoryData<SimdTier> Tiers => SimdTiers.Theory;

    [Theory]
    [MemberData(nameof(Tiers))]
    public void Widen_AllCodes_EqualsScalar(SimdTier tier)
    {
        CheckWiden<ushort, BFloat16>(
            65536,
            i => (ushort)i,
            v => (float)v,
            (s, d) => NumberConvert.Widen(s, d, tier)
        );
        CheckWiden<ushort, Half>(
            65536,
            i => (ushort)i,
            QuietHalf,
            (s, d) => NumberConvert.Widen(s, d, tier)
        );
        CheckWiden<byte, Float8E4M3>(
            256,
            i => (byte)i,
            v => (float)v,
            (s, d) => NumberConvert.Widen(s, d, tier)
        );
        CheckWiden<byte, Float8E5M2>(
            256,
            i => (byte)i,
            v => (float)v,
            (s, d) => NumberConvert.Widen(s, d, tier)
        );
        CheckWiden<byte, Float8E8M0>(
            256,
            i => (byte)i,
            v => (float)v,
            (s, d) => NumberConvert.Widen(s, d, tier)
        );
    }

    [Theory]
    [MemberData(nameof(Tiers))]
    public void WidenToBFloat16_AllE4M3Codes_EqualsScalar(SimdTier tier)
    {
        var source = Enumerable.Range(0, 256).Select(i => Float8E4M3.FromBits((byte)i)).ToArray();
        var result = new BFloat16[256];

        NumberConvert.Widen(source, result, tier);

        for (var i = 0; i < 256; i++)
            Bits((float)result[i]).Should().Be(Bits((float)source[i]));
    }

    [Theory]
    [MemberData(nameof(Tiers))]
    public void Narrow_BFloat16AndEdgeInputs_EqualsScalar(SimdTier tier)
    {
        foreach (var input in new[] { FloatInputs.AllBFloat16, FloatInputs.Edges })
        {
            CheckNarrow(input, v => (BFloat16)v, (s, d) => NumberConvert.Narrow(s, d, tier));
            CheckNarrow(input, CanonicalHalf, (s, d) => NumberConvert.Narrow(s, d, tier));
            CheckNarrow(input, Float8E8M0.ScaleCeil, (s, d) => NumberConvert.ScaleCeil(s, d, tier));
            foreach (var mode in Enum.GetValues<OverflowMode>())
            {
                CheckNarrow(
                    input,
                    v => Float8E4M3.FromSingle(v, mode),
                    (s, d) => NumberConvert.Narrow(s, d, mode, tier)
                );
                CheckNarrow(
                    input,
                    v => Float8E5M2.FromSingle(v, mode),
                    (s, d) => NumberConvert.Narrow(s, d, mode, tier)
                );
                foreach (var rounding in Enum.GetValues<Ue8m0Rounding>())
                    CheckNarrow(
                        input,
                        v => Float8E8M0.FromSingle(v, rounding, mode),
                        (s, d) => NumberConvert.Narrow(s, d, rounding, mode, tier)
                    );
            }
        }
    }

    [Theory]
    [MemberData(nameof(Tiers))]
    public void NarrowBFloat16ToE4M3_AllInputs_EqualsScalar(SimdTier tier)
    {
        var source = Enumerable.Range(0, 65536).Select(i => BFloat16.FromBits((ushort)i)).ToArray();
        var result = new Float8E4M3[source.Length];

        foreach (var mode in Enum.GetValues<OverflowMode>())
        {
            NumberConvert.Narrow(source, result, mode, tier);

            for (var i = 0; i < source.Length; i++)
                if (result[i] != Float8E4M3.FromSingle((float)source[i], mode))
                    Assert.Fail($"0x{i:X4} {mode}: got 0x{result[i].Bits:X2}");
        }
    }

    [Theory]
    [MemberData(nameof(Tiers))]
    public void Fp4_PackedCodesAndInputs_EqualScalar(SimdTier tier)
    {
        var bytes = Enumerable.Range(0, 1024).Select(i => (byte)(i % 251)).ToArray();
        var wide = new float[2048];
        NumberConvert.WidenFp4(bytes, wide, tier);
        for (var i = 0; i < wide.Length; i++)
        {
            var code = (byte)(i % 2 == 0 ? bytes[i / 2] & 0xF : bytes[i / 2] >> 4);
            Bits(wide[i]).Should().Be(Bits((float)Float4E2M1.FromBits(code)));
        }

        foreach (var input in new[] { FloatInputs.AllBFloat16, FloatInputs.Edges })
        foreach (var rounding in Enum.GetValues<Fp4Rounding>())
        {
            var even = input[..(input.Length / 2 * 2)];
            var packed = new byte[even.Length / 2];
            NumberConvert.NarrowFp4(even, packed, rounding, tier);
            for (var i = 0; i < even.Length; i++)
            {
                var code = i % 2 == 0 ? packed[i / 2] & 0xF : packed[i / 2] >> 4;
                if (code != Float4E2M1.FromSingle(even[i], rounding).Bits)
                    Assert.Fail($"{even[i]:R} {rounding}: got {code}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Tiers))]
    public void Convert_LengthsAroundVectors_WritesExactlyTheLength(SimdTier tier)
    {
        for (var length = 0; length <= 150; length++)
        {
            var codes = Enumerable
                .Range(0, length)
                .Select(i => Float8E4M3.FromBits((byte)(i * 37)))
                .ToArray();
            var wide = new float[length + 40];
            wide.AsSpan().Fill(-7);
            NumberConvert.Widen(codes, wide, tier);
            wide[..length].Select(Bits).Should().Equal(codes.Select(c => Bits((float)c)));
            wide[length..].Should().OnlyContain(v => v == -7);

            var narrow = new Float8E4M3[length + 40];
            narrow.AsSpan().Fill(Float8E4M3.FromBits(0x33));
            NumberConvert.Narrow(wide.AsSpan(0, length), narrow, tier: tier);
            narrow[length..].Should().OnlyContain(v => v.Bits == 0x33);

            var half = new BFloat16[length + 40];
            half.AsSpan().Fill(BFloat16.One);
            NumberConvert.Narrow(wide.AsSpan(0, length), half, tier);
            half[length..].Should().OnlyContain(v => v.Bits == BFloat16.One.Bits);
        }
    }

    [Fact]
    public void Convert_DestinationTooShort_Throws()
    {
        var act = () => NumberConvert.Widen(new BFloat16[3], new float[2]);
        act.Should()
            .Throw<ArgumentException>()
            .WithMessage("destination: expected at least 3 elements, got 2*");
        act = () => NumberConvert.Widen(new Float8E4M3[3], new float[2]);
        act.Should().Throw<ArgumentException>().WithParameterName("destination");
        act = () => NumberConvert.Widen(new Float8E4M3[3], new BFloat16[2]);
        act.Should().Throw<ArgumentException>().WithParameterName("destination");
        act = () => NumberConvert.WidenFp4(new byte[3], new float[5]);
        act.Should().Throw<ArgumentException>().WithParameterName("destination");
        act = () => NumberConvert.NarrowFp4(new float[4], new byte[1]);
        act.Should().Throw<ArgumentException>().WithParameterName("packed");
        act = () => NumberConvert.NarrowFp4(new float[3], new byte[2]);
        act.Should().Throw<ArgumentException>().WithParameterName("source");
    }

    [Fact]
    public void Convert_WarmCalls_AllocateNothing()
    {
        var source = new float[1000];
        var codes = new Float8E4M3[1000];
        var packed = new byte[500];
        void Work()
        {
            NumberConvert.Narrow(source, codes);
            NumberConvert.Widen(codes, source);
            NumberConvert.NarrowFp4(source, packed);
            NumberConvert.WidenFp4(packed, source);
        }

        AllocationMeasure.OfWarm(Work).Should().Be(0);
    }

    private delegate void Convert<TIn, TOut>(ReadOnlySpan<TIn> source, Span<TOut> destination);

    private static void CheckWiden<TCode, T>(
        int codes,
        Func<int, TCode> make,
        Func<T, float> scalar,
        Convert<T, float> convert
    )
        where TCode : unmanaged
        where T : unmanaged
    {
        var raw = Enumerable.Range(0, codes).Select(make).ToArray();
        var source = MemoryMarshal.Cast<TCode, T>(raw);
        var result = new float[codes];

        convert(source, result);

        for (var i = 0; i < codes; i++)
            if (Bits(result[i]) != Bits(scalar(source[i])))
                Assert.Fail(
                    $"{typeof(T).Name} 0x{i:X}: got 0x{Bits(result[i]):X8}, expected 0x{Bits(scalar(source[i])):X8}"
                );
    }

    private static void CheckNarrow<T>(
        float[] input,
        Func<float, T> scalar,
        Convert<float, T> convert
    )
        where T : unmanaged, IEquatable<T>
    {
        var result = new T[input.Length];

        convert(input, result);

        for (var i = 0; i < input.Length; i++)
        {
            var expected = scalar(input[i]);
            var same = MemoryMarshal
                .AsBytes<T>(new[] { expected })
                .SequenceEqual(MemoryMarshal.AsBytes<T>(new[] { result[i] }));
            if (!same)
                Assert.Fail(
                    $"{typeof(T).Name} {input[i]:R} (0x{Bits(input[i]):X8}): got {result[i]}, expected {expected}"
                );
        }
    }

    private static float QuietHalf(Half value)
    {
        // The runtime's conversion is the independent oracle; it also makes NaN quiet.
        var wide = (float)value;
        return Half.IsNaN(value) ? BitConverter.UInt32BitsToSingle(Bits(wide) | 0x0040_0000) : wide;
    }

    private static Half CanonicalHalf(float value) =>
        float.IsNaN(value)
            ? BitConverter.UInt16BitsToHalf(
                (ushort)(0x7E00 | (float.IsNegative(value) ? 0x8000 : 0))
            )
            : (Half)value;

    private static uint Bits(float value) => BitConverter.SingleToUInt32Bits(value);
}
