// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepInfra.Core.Numerics;

/// <summary>256-bit vectors: 8 lanes of 32 bits.</summary>
internal readonly unsafe struct Simd256 : ISimd<Vector256<float>, Vector256<uint>>
{
    public static int Count => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Load(uint* source) => Vector256.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> LoadBytes(byte* source) =>
        Avx2.ConvertToVector256Int32(source).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> LoadWords(ushort* source) =>
        Avx2.ConvertToVector256Int32(source).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> value, float* destination) =>
        value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<uint> value, uint* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(Vector256<uint> value, byte* destination)
    {
        // Brings byte 0 of each lane to the front of its 128-bit half.
        var low = Vector256.Create(0x0C08_0400u, ~0u, ~0u, ~0u, 0x0C08_0400u, ~0u, ~0u, ~0u);
        var packed = Avx2.Shuffle(value.AsByte(), low.AsByte()).AsUInt32();
        *(uint*)destination = packed.ToScalar();
        *(uint*)(destination + 4) = packed.GetElement(4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreWords(Vector256<uint> value, ushort* destination)
    {
        var low = Vector256.Create(
            0x0504_0100u,
            0x0D0C_0908u,
            ~0u,
            ~0u,
            0x0504_0100u,
            0x0D0C_0908u,
            ~0u,
            ~0u
        );
        var packed = Avx2.Shuffle(value.AsByte(), low.AsByte()).AsUInt64();
        *(ulong*)destination = packed.ToScalar();
        *(ulong*)(destination + 4) = packed.GetElement(2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Create(float value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Create(uint value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> AsUInt(Vector256<float> value) => value.AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> AsFloat(Vector256<uint> value) => value.AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> And(Vector256<uint> left, Vector256<uint> right) => left & right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Or(Vector256<uint> left, Vector256<uint> right) => left | right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Xor(Vector256<uint> left, Vector256<uint> right) => left ^ right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Add(Vector256<uint> left, Vector256<uint> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Subtract(Vector256<uint> left, Vector256<uint> right) =>
        left - right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> ShiftLeft(Vector256<uint> value, int count) => value << count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> ShiftRight(Vector256<uint> value, int count) => value >>> count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> ShiftRightArithmetic(Vector256<uint> value, int count) =>
        (value.AsInt32() >> count).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Min(Vector256<uint> left, Vector256<uint> right) =>
        Vector256.Min(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Max(Vector256<uint> left, Vector256<uint> right) =>
        Vector256.Max(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> GreaterThan(Vector256<uint> left, Vector256<uint> right) =>
        Vector256.GreaterThan(left.AsInt32(), right.AsInt32()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Equal(Vector256<uint> left, Vector256<uint> right) =>
        Vector256.Equals(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Select(
        Vector256<uint> mask,
        Vector256<uint> whenSet,
        Vector256<uint> otherwise
    ) => Vector256.ConditionalSelect(mask, whenSet, otherwise);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> left, Vector256<float> right) =>
        left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Subtract(Vector256<float> left, Vector256<float> right) =>
        left - right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> left, Vector256<float> right) =>
        left * right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Divide(Vector256<float> left, Vector256<float> right) =>
        left / right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(
        Vector256<float> left,
        Vector256<float> right,
        Vector256<float> addend
    ) => Vector256.MultiplyAddEstimate(left, right, addend);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Min(Vector256<float> left, Vector256<float> right) =>
        Vector256.MinNative(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Max(Vector256<float> left, Vector256<float> right) =>
        Vector256.MaxNative(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scale(
        Vector256<float> value,
        Vector256<float> integer,
        Vector256<uint> exponent
    )
    {
        // Two factors, so that neither leaves the normal range; only the second product can round.
        var first = ShiftRightArithmetic(exponent, 1);
        var bias = Vector256.Create(127u);
        var low = (first + bias) << 23;
        var high = (exponent - first + bias) << 23;
        return value * low.AsSingle() * high.AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint MaxAcross(Vector256<uint> value) =>
        Simd128.MaxAcross(Vector128.Max(value.GetLower(), value.GetUpper()));
}
