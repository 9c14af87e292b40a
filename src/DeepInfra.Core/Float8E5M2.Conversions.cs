// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Numerics;

namespace DeepInfra.Core;

public readonly partial struct Float8E5M2
{
    private const byte InfinityCode = 0x7C;
    private const byte NaNCode = 0x7F;

    /// <summary>Widens; exact. NaN codes give a quiet NaN.</summary>
    /// <param name="value">The value.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static explicit operator float(Float8E5M2 value)
    {
        var code = (uint)value._bits & 0x7F;
        var magnitude =
            code < InfinityCode ? MiniFloat.DecodeMagnitude(code, 2, 15)
            : code == InfinityCode ? MiniFloat.InfinityBits
            : MiniFloat.QuietNaNBits;
        return MiniFloat.WithSign(magnitude, value._bits);
    }

    /// <summary>Narrows to nearest, ties to even, saturating; see <see cref="FromSingle"/>.</summary>
    /// <param name="value">The value.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static explicit operator Float8E5M2(float value) => FromSingle(value);

    /// <summary>
    /// Narrows, rounding to nearest with ties to the even code. Subnormals are produced, the sign of zero is kept,
    /// NaN becomes 0x7F. Magnitudes below 61440 round to at most 57344.
    /// </summary>
    /// <param name="value">The value.</param>
    /// <param name="overflow">What magnitudes of 61440 and above become: 57344 or infinity.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float8E5M2 FromSingle(
        float value,
        OverflowMode overflow = OverflowMode.SaturateFinite
    )
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        var magnitude = bits & 0x7FFF_FFFF;
        if (magnitude > MiniFloat.InfinityBits)
            return new Float8E5M2(NaNCode);
        var maxCode = overflow == OverflowMode.SaturateFinite ? 0x7Bu : 0x7Cu;
        var code = MiniFloat.EncodeMagnitude(magnitude, 2, 15, maxCode);
        return new Float8E5M2((byte)(code | (bits >> 24 & 0x80)));
    }
}
