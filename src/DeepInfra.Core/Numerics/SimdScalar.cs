// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.Core.Numerics;

/// <summary>
/// One lane: the reference tier, and the elements that are left over at the end of a row at the other tiers.
/// </summary>
internal readonly unsafe struct SimdScalar : ISimd<float, uint>
{
    public static int Count => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load(float* source) => *source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Load(uint* source) => *source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint LoadBytes(byte* source) => *source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint LoadWords(ushort* source) => *source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float value, float* destination) => *destination = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(uint value, uint* destination) => *destination = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(uint value, byte* destination) => *destination = (byte)value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreWords(uint value, ushort* destination) => *destination = (ushort)value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Create(float value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Create(uint value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint AsUInt(float value) => BitConverter.SingleToUInt32Bits(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float AsFloat(uint value) => BitConverter.UInt32BitsToSingle(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint And(uint left, uint right) => left & right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Or(uint left, uint right) => left | right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Xor(uint left, uint right) => left ^ right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Add(uint left, uint right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Subtract(uint left, uint right) => left - right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint ShiftLeft(uint value, int count) => value << count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint ShiftRight(uint value, int count) => value >> count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint ShiftRightArithmetic(uint value, int count) => (uint)((int)value >> count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Min(uint left, uint right) => Math.Min(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Max(uint left, uint right) => Math.Max(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint GreaterThan(uint left, uint right) => (int)left > (int)right ? ~0u : 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Equal(uint left, uint right) => left == right ? ~0u : 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Select(uint mask, uint whenSet, uint otherwise) =>
        (whenSet & mask) | (otherwise & ~mask);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Add(float left, float right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Subtract(float left, float right) => left - right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Multiply(float left, float right) => left * right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Divide(float left, float right) => left / right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MultiplyAdd(float left, float right, float addend) =>
        float.MultiplyAddEstimate(left, right, addend);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Min(float left, float right) => left < right ? left : right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(float left, float right) => left > right ? left : right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Scale(float value, float integer, uint exponent)
    {
        var first = (int)exponent >> 1;
        return value
            * BitConverter.Int32BitsToSingle((first + 127) << 23)
            * BitConverter.Int32BitsToSingle(((int)exponent - first + 127) << 23);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint MaxAcross(uint value) => value;
}
