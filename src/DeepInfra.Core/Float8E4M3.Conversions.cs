// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Numerics;

namespace DeepInfra.Core;

public readonly partial struct Float8E4M3
{
    private const byte NaNCode = 0x7F;

    /// <summary>Widens; exact. Both NaN codes give a quiet NaN.</summary>
    /// <param name="value">The value.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static explicit operator float(Float8E4M3 value)
    {
        var code = (uint)value._bits & 0x7F;
        var magnitude =
            code == NaNCode ? MiniFloat.E4M3NaNBits : MiniFloat.DecodeMagnitude(code, 3, 7);
        return MiniFloat.WithSign(magnitude, value._bits);
    }

    /// <summary>Narrows to nearest, ties to even, saturating; see <see cref="FromSingle"/>.</summary>
    /// <param name="value">The value.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static explicit operator Float8E4M3(float value) => FromSingle(value);

    /// <summary>
    /// Narrows, rounding to nearest with ties to the even code. Subnormals are produced, the sign of zero is kept,
    /// NaN becomes 0x7F. Magnitudes up to 464 round to 448.
    /// </summary>
    /// <param name="value">The value.</param>
    /// <param name="overflow">What magnitudes above 464 become: 448 or NaN (0x7F with the sign).</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float8E4M3 FromSingle(
        float value,
        OverflowMode overflow = OverflowMode.SaturateFinite
    )
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        var magnitude = bits & 0x7FFF_FFFF;
        if (magnitude > MiniFloat.InfinityBits)
            return new Float8E4M3(NaNCode);
        var maxCode = overflow == OverflowMode.SaturateFinite ? 0x7Eu : 0x7Fu;
        var code = MiniFloat.EncodeMagnitude(magnitude, 3, 7, maxCode);
        return new Float8E4M3((byte)(code | (bits >> 24 & 0x80)));
    }
}
