// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepInfra.Gemm.Cpu;

/// <summary>
/// Turns <see cref="TileShape.StreamChunk"/> elements into BFloat16 pairs: two vectors of 32-bit words, whose halves
/// widen to binary32 by a shift (lower half) or a mask (upper half). The order of elements is the decoder's own: a dot
/// product does not care as long as both sides use the same.
/// </summary>
internal unsafe interface IStreamDecoder512<TSelf>
    where TSelf : struct, IStreamDecoder512<TSelf>
{
    static abstract int ElementBytes { get; }

    /// <summary>The decoder with its tables in registers.</summary>
    static abstract TSelf Load();

    void Decode(byte* source, out Vector512<uint> first, out Vector512<uint> second);
}

/// <summary>E4M3 by table look-up of both BFloat16 bytes, 64 codes at a time (AVX512-VBMI).</summary>
internal readonly unsafe struct Fp8Decoder512 : IStreamDecoder512<Fp8Decoder512>
{
    private readonly Vector512<byte> _high0;
    private readonly Vector512<byte> _high1;
    private readonly Vector512<byte> _low0;
    private readonly Vector512<byte> _low1;

    private Fp8Decoder512(byte* table)
    {
        _high0 = Vector512.Load(table);
        _high1 = Vector512.Load(table + 64);
        _low0 = Vector512.Load(table + 128);
        _low1 = Vector512.Load(table + 192);
    }

    public static int ElementBytes => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Fp8Decoder512 Load() => new(Fp8Tables.Halves);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Decode(byte* source, out Vector512<uint> first, out Vector512<uint> second) =>
        Decode(Vector512.Load(source), out first, out second);

    /// <summary>
    /// Per 128-bit lane with bytes 0 to 15: the lower halves of the first vector get bytes 0, 2, 4, 6, the upper halves 1,
    /// 3, 5, 7; the second vector gets 8, 10, 12, 14 and 9, 11, 13, 15.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Decode(Vector512<byte> codes, out Vector512<uint> first, out Vector512<uint> second)
    {
        // The look-up ignores bit 7 of the index, which is the sign.
        var high =
            Avx512Vbmi.PermuteVar64x8x2(_high0, codes, _high1)
            | (codes & Vector512.Create((byte)0x80));
        var low = Avx512Vbmi.PermuteVar64x8x2(_low0, codes, _low1);
        first = Avx512BW.UnpackLow(low, high).AsUInt32();
        second = Avx512BW.UnpackHigh(low, high).AsUInt32();
    }

    /// <summary>Widens the lower and upper halves of both vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Decode(
        Vector512<byte> codes,
        out Vector512<float> v0,
        out Vector512<float> v1,
        out Vector512<float> v2,
        out Vector512<float> v3
    )
    {
        Decode(codes, out var first, out var second);
        var upper = Vector512.Create(0xFFFF_0000u);
        v0 = (first << 16).AsSingle();
        v1 = (first & upper).AsSingle();
        v2 = (second << 16).AsSingle();
        v3 = (second & upper).AsSingle();
    }

    /// <summary>16 codes in order, by arithmetic: for short runs and for AVX-512 without VBMI.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Decode16(byte* source)
    {
        var codes = Avx512F.ConvertToVector512UInt32(Vector128.Load(source));
        var magnitude = codes & Vector512.Create(0x7Fu);
        // As binary32 with the exponent field of E4M3 the value is 2^-120 of what it should be, subnormals included.
        var value = (magnitude << 20).AsSingle() * Vector512.Create(1.329227995784916e36f);
        var bits = Vector512.ConditionalSelect(
            Vector512.Equals(magnitude, Vector512.Create(0x7Fu)),
            Vector512.Create(0x7FC0_0000u),
            value.AsUInt32()
        );
        return (bits | ((codes ^ magnitude) << 24)).AsSingle();
    }
}

/// <summary>BFloat16 as it lies in memory.</summary>
internal readonly unsafe struct BFloat16Decoder512 : IStreamDecoder512<BFloat16Decoder512>
{
    public static int ElementBytes => 2;

    public static BFloat16Decoder512 Load() => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Decode(byte* source, out Vector512<uint> first, out Vector512<uint> second)
    {
        first = Vector512.Load((uint*)source);
        second = Vector512.Load((uint*)(source + 64));
    }
}
