// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Numerics;

namespace DeepInfra.Core.Quantization;

/// <summary>A code format that quantisers write, one byte per lane.</summary>
internal interface ICodeFormat
{
    /// <summary>The largest value.</summary>
    static abstract float Max { get; }

    /// <summary>True if two codes share a byte in memory.</summary>
    static abstract bool IsPacked { get; }

    /// <summary>Saturating codes in the low byte of each lane.</summary>
    static abstract VU Encode<S, VF, VU>(VF values)
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct;

    static abstract VF Decode<S, VF, VU>(VU codes)
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct;
}

internal readonly struct E4M3Format : ICodeFormat
{
    public static float Max => Float8.E4M3Max;

    public static bool IsPacked => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VU Encode<S, VF, VU>(VF values)
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct => SimdCodec<S, VF, VU>.EncodeE4M3(values, S.Create(0x7Eu));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VF Decode<S, VF, VU>(VU codes)
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct => SimdCodec<S, VF, VU>.DecodeE4M3(codes);
}

internal readonly struct E5M2Format : ICodeFormat
{
    public static float Max => Float8.E5M2Max;

    public static bool IsPacked => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VU Encode<S, VF, VU>(VF values)
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct => SimdCodec<S, VF, VU>.EncodeE5M2(values, S.Create(0x7Bu));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VF Decode<S, VF, VU>(VU codes)
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct => SimdCodec<S, VF, VU>.DecodeE5M2(codes);
}

internal readonly struct E2M1Format : ICodeFormat
{
    public static float Max => Float8.E2M1Max;

    public static bool IsPacked => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VU Encode<S, VF, VU>(VF values)
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct => SimdCodec<S, VF, VU>.EncodeE2M1(values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VF Decode<S, VF, VU>(VU codes)
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct => SimdCodec<S, VF, VU>.DecodeE2M1(codes);
}

internal readonly struct E2M1HalfDownFormat : ICodeFormat
{
    public static float Max => Float8.E2M1Max;

    public static bool IsPacked => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VU Encode<S, VF, VU>(VF values)
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct => SimdCodec<S, VF, VU>.EncodeE2M1HalfDown(values);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VF Decode<S, VF, VU>(VU codes)
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct => SimdCodec<S, VF, VU>.DecodeE2M1(codes);
}
