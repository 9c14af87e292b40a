// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.Core;

public readonly partial struct BFloat16
{
    /// <summary>Widens; exact.</summary>
    /// <param name="value">The value.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static explicit operator float(BFloat16 value) =>
        BitConverter.UInt32BitsToSingle((uint)value._bits << 16);

    /// <summary>Narrows, rounding to nearest, ties to even; NaN becomes 0x7FFF.</summary>
    /// <param name="value">The value.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static explicit operator BFloat16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value)
            ? new BFloat16(0x7FFF)
            : new BFloat16((ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16));
    }
}
