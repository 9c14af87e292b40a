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

    /// <summary>The value of a finite code without sign.</summary>
    /// <param name="code">The code without sign.</param>
    /// <param name="mantissaBits">Mantissa bits of the format.</param>
    /// <param name="bias">Exponent bias of the format.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float DecodeMagnitude(uint code, int mantissaBits, int bias) =>
        // The multiplication repairs the exponent bias and normalises subnormal codes; both are exact.
        BitConverter.UInt32BitsToSingle(code << (23 - mantissaBits))
        * BitConverter.UInt32BitsToSingle((uint)(254 - bias) << 23);
}
