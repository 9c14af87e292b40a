// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.Core.Numerics;

/// <summary>
/// Scalar conversion between binary32 and the sign-exponent-mantissa formats below 16 bits. A format with
/// M mantissa bits and exponent bias B is binary32 shifted right by 23 - M with its exponent offset by 127 - B.
/// </summary>
internal static class MiniFloat
{
    /// <summary>Bits of a binary32 magnitude above this one are NaN.</summary>
    public const uint InfinityBits = 0x7F80_0000;

    /// <summary>The NaN that decoding produces, before the sign of the code.</summary>
    public const uint QuietNaNBits = 0x7FC0_0000;

    /// <summary>The NaN that E4M3 decodes to: the mantissa of its NaN code, extended.</summary>
    public const uint E4M3NaNBits = 0x7FF0_0000;

    /// <summary>2^120, which moves an E4M3 exponent to binary32.</summary>
    public const uint E4M3Rebias = (254u - 7) << 23;

    /// <summary>2^112, which moves an E5M2 exponent to binary32.</summary>
    public const uint E5M2Rebias = (254u - 15) << 23;

    /// <summary>2^126, which moves an E2M1 exponent to binary32.</summary>
    public const uint E2M1Rebias = (254u - 1) << 23;

    /// <summary>
    /// A binary32 magnitude as a code without sign, rounded to nearest with ties to the even
    /// code and cut off at <paramref name="maxCode"/>. The caller has dealt with NaN.
    /// </summary>
    /// <param name="magnitude">Bits of the binary32 magnitude, not NaN.</param>
    /// <param name="mantissaBits">Mantissa bits of the format.</param>
    /// <param name="bias">Exponent bias of the format.</param>
    /// <param name="maxCode">The code that overflow becomes.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint EncodeMagnitude(uint magnitude, int mantissaBits, int bias, uint maxCode)
    {
        var shift = 23 - mantissaBits;
        if (magnitude < (uint)(128 - bias) << 23)
        {
            // Below the smallest normal all codes are equally spaced: adding a number whose unit in the last
            // place is that spacing makes the addition itself round, and leaves the code in the low bits.
            var magic = BitConverter.UInt32BitsToSingle((uint)(151 - bias - mantissaBits) << 23);
            var sum = BitConverter.UInt32BitsToSingle(magnitude) + magic;
            return BitConverter.SingleToUInt32Bits(sum) - BitConverter.SingleToUInt32Bits(magic);
        }
        var half = (1u << (shift - 1)) - 1 + ((magnitude >> shift) & 1);
        var code = ((magnitude + half) >> shift) - ((uint)(127 - bias) << mantissaBits);
        return Math.Min(code, maxCode);
    }

    /// <summary>Puts the sign of an 8-bit code onto a magnitude.</summary>
    /// <param name="magnitude">Bits of a binary32 magnitude, NaN included.</param>
    /// <param name="code">The code; bit 7 is the sign.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float WithSign(uint magnitude, uint code) =>
        BitConverter.UInt32BitsToSingle(magnitude | (code & 0x80) << 24);

    /// <summary>The value of a finite code without sign, as binary32 bits.</summary>
    /// <param name="code">The code without sign.</param>
    /// <param name="mantissaBits">Mantissa bits of the format.</param>
    /// <param name="bias">Exponent bias of the format.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint DecodeMagnitude(uint code, int mantissaBits, int bias) =>
        // The multiplication repairs the exponent bias and normalises subnormal codes; both are exact.
        BitConverter.SingleToUInt32Bits(
            BitConverter.UInt32BitsToSingle(code << (23 - mantissaBits))
                * BitConverter.UInt32BitsToSingle((uint)(254 - bias) << 23)
        );

    /// <summary>Binary16 to binary32; NaN keeps its payload and becomes quiet.</summary>
    public static float DecodeHalf(ushort code)
    {
        var magnitude = (uint)code & 0x7FFF;
        var bits =
            magnitude < 0x7C00 ? DecodeMagnitude(magnitude, 10, 15)
            : magnitude == 0x7C00 ? InfinityBits
            : magnitude << 13 | QuietNaNBits;
        return BitConverter.UInt32BitsToSingle(bits | (code & 0x8000u) << 16);
    }

    /// <summary>Binary32 to binary16, overflow to infinity; NaN becomes 0x7E00 with its sign.</summary>
    public static ushort EncodeHalf(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        var magnitude = bits & 0x7FFF_FFFF;
        var code = magnitude > InfinityBits ? 0x7E00 : EncodeMagnitude(magnitude, 10, 15, 0x7C00);
        return (ushort)(code | (bits >> 16 & 0x8000));
    }
}
