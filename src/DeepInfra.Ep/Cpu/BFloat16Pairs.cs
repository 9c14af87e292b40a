// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DeepInfra.Ep.Cpu;

/// <summary>
/// BFloat16 arithmetic two to a 32-bit lane: the even element is the lower half, the odd one the upper half. No
/// element changes its lane, so widening and narrowing need no shuffles.
/// </summary>
internal static class BFloat16Pairs
{
    private const uint OddMask = 0xFFFF0000u;
    private const uint NaN = 0x7FFF0000u;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Even(Vector512<uint> pairs) => (pairs << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Odd(Vector512<uint> pairs) =>
        (pairs & Vector512.Create(OddMask)).AsSingle();

    /// <summary>Rounds to nearest, ties to even; NaN becomes 0x7FFF.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Round(Vector512<float> even, Vector512<float> odd) =>
        (Round(even) >>> 16) | (Round(odd) & Vector512.Create(OddMask));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Even(Vector256<uint> pairs) => (pairs << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Odd(Vector256<uint> pairs) =>
        (pairs & Vector256.Create(OddMask)).AsSingle();

    /// <inheritdoc cref="Round(Vector512{float}, Vector512{float})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Round(Vector256<float> even, Vector256<float> odd) =>
        (Round(even) >>> 16) | (Round(odd) & Vector256.Create(OddMask));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Even(Vector128<uint> pairs) => (pairs << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Odd(Vector128<uint> pairs) =>
        (pairs & Vector128.Create(OddMask)).AsSingle();

    /// <inheritdoc cref="Round(Vector512{float}, Vector512{float})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<uint> Round(Vector128<float> even, Vector128<float> odd) =>
        (Round(even) >>> 16) | (Round(odd) & Vector128.Create(OddMask));

    // The rounded value is the upper half of each lane; the lower half is left over.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Round(Vector512<float> value)
    {
        var bits = value.AsUInt32();
        var rounded = bits + Vector512.Create(0x7FFFu) + ((bits >>> 16) & Vector512.Create(1u));
        return Vector512.ConditionalSelect(
            Vector512.Equals(value, value).AsUInt32(),
            rounded,
            Vector512.Create(NaN)
        );
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Round(Vector256<float> value)
    {
        var bits = value.AsUInt32();
        var rounded = bits + Vector256.Create(0x7FFFu) + ((bits >>> 16) & Vector256.Create(1u));
        return Vector256.ConditionalSelect(
            Vector256.Equals(value, value).AsUInt32(),
            rounded,
            Vector256.Create(NaN)
        );
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Round(Vector128<float> value)
    {
        var bits = value.AsUInt32();
        var rounded = bits + Vector128.Create(0x7FFFu) + ((bits >>> 16) & Vector128.Create(1u));
        return Vector128.ConditionalSelect(
            Vector128.Equals(value, value).AsUInt32(),
            rounded,
            Vector128.Create(NaN)
        );
    }
}
