// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DeepInfra.Core.Numerics;

/// <summary>The two halves of a vector of BF16 pairs as Float32.</summary>
internal static class SimdConvert
{
    /// <summary>The even ones of 32 BF16 values: lane i holds value 2i.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> EvenBFloat16(Vector512<uint> pairs) => (pairs << 16).AsSingle();

    /// <summary>The odd ones of 32 BF16 values: lane i holds value 2i + 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> OddBFloat16(Vector512<uint> pairs) =>
        (pairs & Vector512.Create(0xFFFF_0000u)).AsSingle();
}
