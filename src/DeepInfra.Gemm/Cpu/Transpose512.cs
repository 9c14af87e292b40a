// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepInfra.Gemm.Cpu;

/// <summary>
/// Transposes 16 rows of 64 bytes as a 16 x 16 matrix of 32-bit words, and decodes the words when each register holds
/// one word of every row: shuffling codes moves a quarter of the bytes that shuffling decoded values would.
/// </summary>
internal static unsafe class Transpose512
{
    /// <summary>Bytes of each row.</summary>
    public const int ChunkBytes = 64;

    /// <summary>16 rows of 64 E4M3 codes: 64 rows of 16 values.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Fp8(
        byte* source,
        long leading,
        float* target,
        int stride,
        ReadOnlySpan<byte> order
    )
    {
        Words words;
        Transpose(source, leading, (uint*)&words, 16);
        var decoder = Fp8Decoder512.Load();
        var permutation = Vector512.Create(order);
        var word = (byte*)&words;
        for (var i = 0; i < 16; i++)
        {
            var codes = Avx512Vbmi.PermuteVar64x8(Vector512.Load(word), permutation);
            decoder.Decode(codes, out var v0, out var v1, out var v2, out var v3);
            v0.Store(target);
            v1.Store(target + stride);
            v2.Store(target + 2 * stride);
            v3.Store(target + 3 * stride);
            target += 4 * stride;
            word += 64;
        }
    }

    /// <summary>16 rows of 32 BFloat16: 32 rows of 16 values.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void BFloat16(byte* source, long leading, float* target, int stride)
    {
        Words words;
        Transpose(source, leading, (uint*)&words, 16);
        var odd = Vector512.Create(0xFFFF_0000u);
        var word = (uint*)&words;
        for (var i = 0; i < 16; i++)
        {
            var pair = Vector512.Load(word);
            (pair << 16).AsSingle().Store(target);
            (pair & odd).AsSingle().Store(target + stride);
            target += 2 * stride;
            word += 16;
        }
    }

    /// <summary>16 rows of 64 E4M3 codes: 32 rows of 16 pairs of BFloat16.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Fp8Pairs(byte* source, long leading, uint* target, int stride)
    {
        Words words;
        Transpose(source, leading, (uint*)&words, 16);
        var decoder = Fp8Decoder512.Load();
        var permutation = Vector512.Create(Kernel512.ByWord);
        var word = (byte*)&words;
        for (var i = 0; i < 16; i++)
        {
            var codes = Avx512Vbmi.PermuteVar64x8(Vector512.Load(word), permutation);
            decoder.Decode(codes, out var first, out var second);
            first.Store(target);
            second.Store(target + stride);
            target += 2 * stride;
            word += 64;
        }
    }

    /// <summary>16 rows of 32 BFloat16: 16 rows of 16 pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void BFloat16Pairs(byte* source, long leading, uint* target, int stride) =>
        Transpose(source, leading, target, stride);

    /// <summary>Decoded rows of <see cref="TileShape.Depth"/> values: the panel of <see cref="Kernel512.Columns"/> columns.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Floats(float* source, int rows, int depth, float* target)
    {
        for (var column = 0; column < rows; column += 16)
        for (var k = 0; k < depth; k += 16)
        {
            Words words;
            Transpose(
                (byte*)(source + column * TileShape.Depth + k),
                TileShape.Depth * sizeof(float),
                (uint*)&words,
                16
            );
            var word = (float*)&words;
            for (var i = 0; i < 16; i++)
                Vector512
                    .Load(word + 16 * i)
                    .Store(target + (k + i) * MicroKernel512.Columns + column);
        }
    }

    /// <summary>Copies a chunk that is not whole, so that it can be read as a whole one; the rest is zero.</summary>
    public static byte* CopyChunk(byte* source, long leading, int rows, int bytes, byte* target)
    {
        new Span<byte>(target, 16 * ChunkBytes).Clear();
        for (var row = 0; row < rows; row++)
            new ReadOnlySpan<byte>(source + row * leading, bytes).CopyTo(
                new Span<byte>(target + row * ChunkBytes, bytes)
            );
        return target;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(byte* source, long leading, uint* target, int stride)
    {
        // Rows 4i to 4i+3 become, per 128-bit lane, the 4 x 4 transposes; then lanes are exchanged twice.
        Quad(source, leading, out var a0, out var a1, out var a2, out var a3);
        Quad(source + 4 * leading, leading, out var b0, out var b1, out var b2, out var b3);
        Quad(source + 8 * leading, leading, out var c0, out var c1, out var c2, out var c3);
        Quad(source + 12 * leading, leading, out var d0, out var d1, out var d2, out var d3);
        Lanes(a0, b0, c0, d0, target, 4 * stride);
        Lanes(a1, b1, c1, d1, target + stride, 4 * stride);
        Lanes(a2, b2, c2, d2, target + 2 * stride, 4 * stride);
        Lanes(a3, b3, c3, d3, target + 3 * stride, 4 * stride);
    }

    /// <summary>Lane L of output j holds word 4L+j of the four rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quad(
        byte* source,
        long leading,
        out Vector512<ulong> w0,
        out Vector512<ulong> w1,
        out Vector512<ulong> w2,
        out Vector512<ulong> w3
    )
    {
        var r0 = Vector512.Load((uint*)source);
        var r1 = Vector512.Load((uint*)(source + leading));
        var r2 = Vector512.Load((uint*)(source + 2 * leading));
        var r3 = Vector512.Load((uint*)(source + 3 * leading));
        var low01 = Avx512F.UnpackLow(r0, r1).AsUInt64();
        var high01 = Avx512F.UnpackHigh(r0, r1).AsUInt64();
        var low23 = Avx512F.UnpackLow(r2, r3).AsUInt64();
        var high23 = Avx512F.UnpackHigh(r2, r3).AsUInt64();
        w0 = Avx512F.UnpackLow(low01, low23);
        w1 = Avx512F.UnpackHigh(low01, low23);
        w2 = Avx512F.UnpackLow(high01, high23);
        w3 = Avx512F.UnpackHigh(high01, high23);
    }

    /// <summary>Gathers lane L of four vectors (rows 0-3, 4-7, 8-11, 12-15): word 4L+j of all rows, stored at row L of <paramref name="target"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Lanes(
        Vector512<ulong> a,
        Vector512<ulong> b,
        Vector512<ulong> c,
        Vector512<ulong> d,
        uint* target,
        int stride
    )
    {
        var ab02 = Avx512F.Shuffle4x128(a, b, 0x88);
        var ab13 = Avx512F.Shuffle4x128(a, b, 0xDD);
        var cd02 = Avx512F.Shuffle4x128(c, d, 0x88);
        var cd13 = Avx512F.Shuffle4x128(c, d, 0xDD);
        Avx512F.Shuffle4x128(ab02, cd02, 0x88).AsUInt32().Store(target);
        Avx512F.Shuffle4x128(ab13, cd13, 0x88).AsUInt32().Store(target + stride);
        Avx512F.Shuffle4x128(ab02, cd02, 0xDD).AsUInt32().Store(target + 2 * stride);
        Avx512F.Shuffle4x128(ab13, cd13, 0xDD).AsUInt32().Store(target + 3 * stride);
    }

    /// <summary>The transposed words: one row per word index.</summary>
    [InlineArray(256)]
    private struct Words
    {
        private uint _first;
    }
}
