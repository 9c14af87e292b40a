// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Numerics;

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
        return (bits & 0x7FFF_FFFF) > MiniFloat.InfinityBits
            ? new BFloat16(NaNBits)
            : new BFloat16((ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16));
    }

    /// <summary>Compares by value: NaN is unequal to everything, -0 equals +0.</summary>
    /// <param name="left">A value.</param>
    /// <param name="right">A value.</param>
    public static bool operator ==(BFloat16 left, BFloat16 right) => (float)left == (float)right;

    /// <summary>Compares by value.</summary>
    /// <param name="left">A value.</param>
    /// <param name="right">A value.</param>
    public static bool operator !=(BFloat16 left, BFloat16 right) => !(left == right);

    /// <summary>Compares by value; false if either is NaN.</summary>
    /// <param name="left">A value.</param>
    /// <param name="right">A value.</param>
    public static bool operator <(BFloat16 left, BFloat16 right) => (float)left < (float)right;

    /// <summary>Compares by value; false if either is NaN.</summary>
    /// <param name="left">A value.</param>
    /// <param name="right">A value.</param>
    public static bool operator >(BFloat16 left, BFloat16 right) => (float)left > (float)right;

    /// <summary>Compares by value; false if either is NaN.</summary>
    /// <param name="left">A value.</param>
    /// <param name="right">A value.</param>
    public static bool operator <=(BFloat16 left, BFloat16 right) => (float)left <= (float)right;

    /// <summary>Compares by value; false if either is NaN.</summary>
    /// <param name="left">A value.</param>
    /// <param name="right">A value.</param>
    public static bool operator >=(BFloat16 left, BFloat16 right) => (float)left >= (float)right;

    /// <summary>The value with its sign flipped.</summary>
    /// <param name="value">The value.</param>
    public static BFloat16 operator -(BFloat16 value) => new((ushort)(value._bits ^ 0x8000));

    /// <summary>Adds in binary32 and rounds once.</summary>
    /// <param name="left">A value.</param>
    /// <param name="right">A value.</param>
    public static BFloat16 operator +(BFloat16 left, BFloat16 right) =>
        (BFloat16)((float)left + (float)right);

    /// <summary>Subtracts in binary32 and rounds once.</summary>
    /// <param name="left">A value.</param>
    /// <param name="right">A value.</param>
    public static BFloat16 operator -(BFloat16 left, BFloat16 right) =>
        (BFloat16)((float)left - (float)right);

    /// <summary>Multiplies in binary32, where the product is exact, and rounds once.</summary>
    /// <param name="left">A value.</param>
    /// <param name="right">A value.</param>
    public static BFloat16 operator *(BFloat16 left, BFloat16 right) =>
        (BFloat16)((float)left * (float)right);

    /// <summary>Divides in binary32 and rounds.</summary>
    /// <param name="left">A value.</param>
    /// <param name="right">A value.</param>
    public static BFloat16 operator /(BFloat16 left, BFloat16 right) =>
        (BFloat16)((float)left / (float)right);
}
