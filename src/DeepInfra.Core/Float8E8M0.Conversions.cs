// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Numerics;

namespace DeepInfra.Core;

public readonly partial struct Float8E8M0
{
    private const byte NaNCode = 0xFF;

    /// <summary>The power of two 2^(code-127); exact. Code 0 is the binary32 subnormal 2^-127, code 0xFF is NaN.</summary>
    /// <param name="value">The value.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static explicit operator float(Float8E8M0 value) =>
        BitConverter.UInt32BitsToSingle(
            value._bits == NaNCode
                ? MiniFloat.QuietNaNBits
                : Math.Max((uint)value._bits << 23, 0x0040_0000)
        );

    /// <summary>The smallest power of two not below the magnitude, saturating; see <see cref="FromSingle"/>.</summary>
    /// <param name="value">The value; its sign is ignored.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static explicit operator Float8E8M0(float value) => FromSingle(value);

    /// <summary>Rounds a magnitude to a power of two. The sign is ignored, NaN becomes 0xFF.</summary>
    /// <param name="value">The value.</param>
    /// <param name="rounding">Direction; anything at or below 2^-127, zero included, becomes code 0 either way.</param>
    /// <param name="overflow">What lies above 2^127 after rounding, infinity included, becomes: 0xFE or NaN (0xFF).</param>
    public static Float8E8M0 FromSingle(
        float value,
        Ue8m0Rounding rounding = Ue8m0Rounding.RoundUp,
        OverflowMode overflow = OverflowMode.SaturateFinite
    )
    {
        var magnitude = BitConverter.SingleToUInt32Bits(value) & 0x7FFF_FFFF;
        if (magnitude > MiniFloat.InfinityBits)
            return new Float8E8M0(NaNCode);
        var code = magnitude >> 23;
        if (rounding == Ue8m0Rounding.RoundUp)
        {
            // 2^-127 itself is a binary32 subnormal and has code 0.
            if (magnitude <= 0x0040_0000)
                return default;
            if ((magnitude & 0x007F_FFFF) != 0)
                code++;
        }
        var maxCode = overflow == OverflowMode.SaturateFinite ? 0xFEu : 0xFFu;
        return new Float8E8M0((byte)Math.Min(code, maxCode));
    }

    /// <summary>
    /// The scale quantiser: the smallest power of two not below the magnitude, with the exponent code clamped to
    /// [1,254], so that scale and reciprocal are finite and normal or 2^-127. Zero gives code 1; infinity and NaN
    /// give 254.
    /// </summary>
    /// <param name="value">The scale; its sign is ignored.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float8E8M0 ScaleCeil(float value)
    {
        var magnitude = BitConverter.SingleToUInt32Bits(value) & 0x7FFF_FFFF;
        // Adding all ones below the exponent carries into it exactly when the mantissa is not zero.
        var code = (magnitude + 0x007F_FFFF) >> 23;
        return new Float8E8M0((byte)Math.Clamp(code, 1, 254));
    }
}
