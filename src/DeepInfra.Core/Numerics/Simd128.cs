// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DeepInfra.Core.Numerics;

/// <summary>128-bit vectors: 4 lanes of 32 bits.</summary>
internal readonly unsafe struct Simd128 : ISimd<Vector128<float>, Vector128<uint>>
{
    public static int Count => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load(float* source) => Vector128.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Load(uint* source) => Vector128.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> LoadBytes(byte* source)
    {
        var bytes = Vector128.CreateScalar(Unsafe.ReadUnaligned<uint>(source)).AsByte();
        return Vector128.WidenLower(Vector128.WidenLower(bytes));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> LoadWords(ushort* source)
    {
        var words = Vector128.CreateScalar(Unsafe.ReadUnaligned<ulong>(source)).AsUInt16();
        return Vector128.WidenLower(words);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<float> value, float* destination) =>
        value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<uint> value, uint* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(Vector128<uint> value, byte* destination)
    {
        var words = Vector128.Narrow(value & Vector128.Create(0xFFu), Vector128<uint>.Zero);
        var bytes = Vector128.Narrow(words, Vector128<ushort>.Zero);
        Unsafe.WriteUnaligned(destination, bytes.AsUInt32().ToScalar());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreWords(Vector128<uint> value, ushort* destination)
    {
        var words = Vector128.Narrow(value & Vector128.Create(0xFFFFu), Vector128<uint>.Zero);
        Unsafe.WriteUnaligned(destination, words.AsUInt64().ToScalar());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Create(float value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Create(uint value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> AsUInt(Vector128<float> value) => value.AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> AsFloat(Vector128<uint> value) => value.AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> And(Vector128<uint> left, Vector128<uint> right) => left & right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Or(Vector128<uint> left, Vector128<uint> right) => left | right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Xor(Vector128<uint> left, Vector128<uint> right) => left ^ right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Add(Vector128<uint> left, Vector128<uint> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Subtract(Vector128<uint> left, Vector128<uint> right) =>
        left - right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> ShiftLeft(Vector128<uint> value, int count) => value << count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> ShiftRight(Vector128<uint> value, int count) => value >>> count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> ShiftRightArithmetic(Vector128<uint> value, int count) =>
        (value.AsInt32() >> count).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Min(Vector128<uint> left, Vector128<uint> right) =>
        Vector128.Min(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Max(Vector128<uint> left, Vector128<uint> right) =>
        Vector128.Max(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> GreaterThan(Vector128<uint> left, Vector128<uint> right) =>
        Vector128.GreaterThan(left.AsInt32(), right.AsInt32()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Equal(Vector128<uint> left, Vector128<uint> right) =>
        Vector128.Equals(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Select(
        Vector128<uint> mask,
        Vector128<uint> whenSet,
        Vector128<uint> otherwise
    ) => Vector128.ConditionalSelect(mask, whenSet, otherwise);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> left, Vector128<float> right) =>
        left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Subtract(Vector128<float> left, Vector128<float> right) =>
        left - right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Multiply(Vector128<float> left, Vector128<float> right) =>
        left * right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Divide(Vector128<float> left, Vector128<float> right) =>
        left / right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MultiplyAdd(
        Vector128<float> left,
        Vector128<float> right,
        Vector128<float> addend
    ) => Vector128.MultiplyAddEstimate(left, right, addend);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Min(Vector128<float> left, Vector128<float> right) =>
        Vector128.MinNative(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Max(Vector128<float> left, Vector128<float> right) =>
        Vector128.MaxNative(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Scale(
        Vector128<float> value,
        Vector128<float> integer,
        Vector128<uint> exponent
    )
    {
        // Two factors, so that neither leaves the normal range; only the second product can round.
        var first = ShiftRightArithmetic(exponent, 1);
        var bias = Vector128.Create(127u);
        var low = (first + bias) << 23;
        var high = (exponent - first + bias) << 23;
        return value * low.AsSingle() * high.AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint MaxAcross(Vector128<uint> value)
    {
        var pairs = Vector128.Max(value, Vector128.Shuffle(value, Vector128.Create(2u, 3, 0, 1)));
        return Math.Max(pairs.ToScalar(), pairs.GetElement(1));
    }
}
