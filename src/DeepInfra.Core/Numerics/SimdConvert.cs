// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Codec128 = DeepInfra.Core.Numerics.SimdCodec<
    DeepInfra.Core.Numerics.Simd128,
    System.Runtime.Intrinsics.Vector128<float>,
    System.Runtime.Intrinsics.Vector128<uint>
>;
using Codec256 = DeepInfra.Core.Numerics.SimdCodec<
    DeepInfra.Core.Numerics.Simd256,
    System.Runtime.Intrinsics.Vector256<float>,
    System.Runtime.Intrinsics.Vector256<uint>
>;
using Codec512 = DeepInfra.Core.Numerics.SimdCodec<
    DeepInfra.Core.Numerics.Simd512,
    System.Runtime.Intrinsics.Vector512<float>,
    System.Runtime.Intrinsics.Vector512<uint>
>;

namespace DeepInfra.Core.Numerics;

/// <summary>
/// Conversions of single vectors for kernels of the DeepInfra packages; all inline. The caller has checked the
/// tier: <c>V512</c> methods need AVX-512 F/BW/DQ, <c>V256</c> methods AVX2.
/// </summary>
internal static unsafe class SimdConvert
{
    /// <summary>The even ones of 32 BF16 values: lane i holds value 2i.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> EvenBFloat16(Vector512<uint> pairs) => (pairs << 16).AsSingle();

    /// <summary>The odd ones of 32 BF16 values: lane i holds value 2i + 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> OddBFloat16(Vector512<uint> pairs) =>
        (pairs & Vector512.Create(0xFFFF_0000u)).AsSingle();

    /// <inheritdoc cref="EvenBFloat16(Vector512{uint})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> EvenBFloat16(Vector256<uint> pairs) => (pairs << 16).AsSingle();

    /// <inheritdoc cref="OddBFloat16(Vector512{uint})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> OddBFloat16(Vector256<uint> pairs) =>
        (pairs & Vector256.Create(0xFFFF_0000u)).AsSingle();

    /// <inheritdoc cref="EvenBFloat16(Vector512{uint})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> EvenBFloat16(Vector128<uint> pairs) => (pairs << 16).AsSingle();

    /// <inheritdoc cref="OddBFloat16(Vector512{uint})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> OddBFloat16(Vector128<uint> pairs) =>
        (pairs & Vector128.Create(0xFFFF_0000u)).AsSingle();

    /// <summary>Sixteen BF16 values in order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadBFloat16V512(BFloat16* source) =>
        (Simd512.LoadWords((ushort*)source) << 16).AsSingle();

    /// <summary>Eight BF16 values in order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadBFloat16V256(BFloat16* source) =>
        (Simd256.LoadWords((ushort*)source) << 16).AsSingle();

    /// <summary>Four BF16 values in order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadBFloat16V128(BFloat16* source) =>
        (Simd128.LoadWords((ushort*)source) << 16).AsSingle();

    /// <summary>Rounds and stores sixteen BF16 values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBFloat16(Vector512<float> values, BFloat16* destination) =>
        Simd512.StoreWords(Codec512.EncodeBFloat16(values), (ushort*)destination);

    /// <summary>Rounds and stores eight BF16 values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBFloat16(Vector256<float> values, BFloat16* destination) =>
        Simd256.StoreWords(Codec256.EncodeBFloat16(values), (ushort*)destination);

    /// <summary>Rounds and stores four BF16 values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBFloat16(Vector128<float> values, BFloat16* destination) =>
        Simd128.StoreWords(Codec128.EncodeBFloat16(values), (ushort*)destination);

    /// <summary>Decodes sixteen codes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadE4M3V512(Float8E4M3* source) =>
        Codec512.DecodeE4M3(Simd512.LoadBytes((byte*)source));

    /// <summary>Decodes eight codes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadE4M3V256(Float8E4M3* source) =>
        Codec256.DecodeE4M3(Simd256.LoadBytes((byte*)source));

    /// <summary>Decodes four codes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadE4M3V128(Float8E4M3* source) =>
        Codec128.DecodeE4M3(Simd128.LoadBytes((byte*)source));

    /// <summary>Decodes sixteen codes that are already in a register.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> DecodeE4M3(Vector128<byte> codes) =>
        Codec512.DecodeE4M3(Avx512F.ConvertToVector512UInt32(codes));

    /// <summary>Encodes and stores sixteen codes, saturating.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreE4M3(Vector512<float> values, Float8E4M3* destination) =>
        Simd512.StoreBytes(
            Codec512.EncodeE4M3(values, Vector512.Create(0x7Eu)),
            (byte*)destination
        );

    /// <summary>Encodes and stores eight codes, saturating.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreE4M3(Vector256<float> values, Float8E4M3* destination) =>
        Simd256.StoreBytes(
            Codec256.EncodeE4M3(values, Vector256.Create(0x7Eu)),
            (byte*)destination
        );

    /// <summary>Encodes and stores four codes, saturating.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreE4M3(Vector128<float> values, Float8E4M3* destination) =>
        Simd128.StoreBytes(
            Codec128.EncodeE4M3(values, Vector128.Create(0x7Eu)),
            (byte*)destination
        );
}
