// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Numerics;

namespace DeepInfra.Core;

public readonly partial struct Float4E2M1
{
    /// <summary>Widens; exact. Only the low nibble of the code counts.</summary>
    /// <param name="value">The value.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static explicit operator float(Float4E2M1 value)
    {
        var magnitude = MiniFloat.DecodeMagnitude((uint)value._bits & 7, 1, 1);
        return MiniFloat.WithSign(magnitude, (uint)value._bits << 4);
    }

    /// <summary>Narrows to nearest, ties to even, saturating at 6; see <see cref="FromSingle"/>.</summary>
    /// <param name="value">The value.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static explicit operator Float4E2M1(float value) => FromSingle(value);

    /// <summary>Narrows; magnitudes above 6, infinity included, become 6.</summary>
    /// <param name="value">The value.</param>
    /// <param name="rounding">Ties, the sign of zero and NaN.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4E2M1 FromSingle(float value, Fp4Rounding rounding = Fp4Rounding.NearestEven)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        var magnitude = bits & 0x7FFF_FFFF;
        if (magnitude > MiniFloat.InfinityBits)
            return new Float4E2M1(rounding == Fp4Rounding.NearestEven ? (byte)7 : (byte)0);
        if (rounding == Fp4Rounding.NearestEven)
        {
            var even = MiniFloat.EncodeMagnitude(magnitude, 1, 1, 7);
            return new Float4E2M1((byte)(even | (bits >> 28 & 8)));
        }
        var code = HalfDown(BitConverter.UInt32BitsToSingle(magnitude));
        return new Float4E2M1((byte)(code == 0 ? 0 : code | (bits >> 28 & 8)));
    }

    private static uint HalfDown(float magnitude) =>
        magnitude switch
        {
            <= 0.25f => 0,
            <= 0.75f => 1,
            <= 1.25f => 2,
            <= 1.75f => 3,
            <= 2.5f => 4,
            <= 3.5f => 5,
            <= 5f => 6,
            _ => 7,
        };
}
