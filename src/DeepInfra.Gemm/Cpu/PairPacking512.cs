// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepInfra.Gemm.Cpu;

/// <summary>Packs elements as BFloat16: rows in order, or 32-bit words of two consecutive k of one column.</summary>
internal static unsafe class PairPacking512
{
    /// <summary>Byte positions that make <see cref="Fp8Decoder512"/> give 64 codes in order.</summary>
    private static ReadOnlySpan<byte> InOrder =>
        [
            0,
            1,
            2,
            3,
            4,
            5,
            6,
            7,
            32,
            33,
            34,
            35,
            36,
            37,
            38,
            39,
            8,
            9,
            10,
            11,
            12,
            13,
            14,
            15,
            40,
            41,
            42,
            43,
            44,
            45,
            46,
            47,
            16,
            17,
            18,
            19,
            20,
            21,
            22,
            23,
            48,
            49,
            50,
            51,
            52,
            53,
            54,
            55,
            24,
            25,
            26,
            27,
            28,
            29,
            30,
            31,
            56,
            57,
            58,
            59,
            60,
            61,
            62,
            63,
        ];

    /// <summary>
    /// The same for pairs of two runs of 16, twice. These are the words that the decoder splits into two vectors of binary32.
    /// </summary>
    private static ReadOnlySpan<byte> Pairs16 => Decode512.InOrder;

    /// <summary>The same for pairs of two runs of 32.</summary>
    private static ReadOnlySpan<byte> Pairs32 =>
        [
            0,
            32,
            1,
            33,
            2,
            34,
            3,
            35,
            16,
            48,
            17,
            49,
            18,
            50,
            19,
            51,
            4,
            36,
            5,
            37,
            6,
            38,
            7,
            39,
            20,
            52,
            21,
            53,
            22,
            54,
            23,
            55,
            8,
            40,
            9,
            41,
            10,
            42,
            11,
            43,
            24,
            56,
            25,
            57,
            26,
            58,
            27,
            59,
            12,
            44,
            13,
            45,
            14,
            46,
            15,
            47,
            28,
            60,
            29,
            61,
            30,
            62,
            31,
            63,
        ];

    /// <summary>Rows of E4M3 codes; what is missing to a multiple of 64 becomes zero.</summary>
    /// <param name="source">First row.</param>
    /// <param name="leading">Bytes from one row to the next.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="count">Elements of each row.</param>
    /// <param name="target">Rows of <see cref="TileShape.Depth"/> elements.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Fp8Rows(byte* source, long leading, int rows, int count, ushort* target)
    {
        var decoder = Fp8Decoder512.Load();
        var order = Vector512.Create(InOrder);
        var padded = stackalloc byte[64];
        var whole = count & ~63;
        for (; rows > 0; rows--)
        {
            for (var i = 0; i < whole; i += 64)
                Decode(source + i, target + i);
            if (whole < count)
            {
                new Span<byte>(padded, 64).Clear();
                new ReadOnlySpan<byte>(source + whole, count - whole).CopyTo(
                    new Span<byte>(padded, 64)
                );
                Decode(padded, target + whole);
            }
            source += leading;
            target += TileShape.Depth;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Decode(byte* from, ushort* to)
        {
            var codes = Avx512Vbmi.PermuteVar64x8(Vector512.Load(from), order);
            decoder.Decode(codes, out var first, out var second);
            first.Store((uint*)to);
            second.Store((uint*)to + 16);
        }
    }

    /// <summary>Rows of BFloat16; parameters as in <see cref="Fp8Rows"/>. An odd row gets one zero more.</summary>
    public static void BFloat16Rows(byte* source, long leading, int rows, int count, ushort* target)
    {
        for (; rows > 0; rows--)
        {
            Buffer.MemoryCopy(
                source,
                target,
                TileShape.Depth * sizeof(ushort),
                count * sizeof(ushort)
            );
            if ((count & 1) != 0)
                target[count] = 0;
            source += leading;
            target += TileShape.Depth;
        }
    }

    /// <summary>Runs of 16 E4M3 codes.</summary>
    /// <param name="source">First run.</param>
    /// <param name="leading">Bytes from one run to the next.</param>
    /// <param name="depth">Runs, a multiple of 4.</param>
    /// <param name="target">Words of the panel.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Fp8Columns16(byte* source, long leading, int depth, uint* target)
    {
        var decoder = Fp8Decoder512.Load();
        var order = Vector512.Create(Pairs16);
        for (; depth > 0; depth -= 4)
        {
            var low = Vector256.Create(Vector128.Load(source), Vector128.Load(source + leading));
            source += 2 * leading;
            var high = Vector256.Create(Vector128.Load(source), Vector128.Load(source + leading));
            source += 2 * leading;
            var codes = Avx512Vbmi.PermuteVar64x8(Vector512.Create(low, high), order);
            decoder.Decode(codes, out var first, out var second);
            first.Store(target);
            second.Store(target + 16);
            target += 32;
        }
    }

    /// <summary>Runs of 32 E4M3 codes, an even number of them; parameters as in <see cref="Fp8Columns16"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Fp8Columns32(byte* source, long leading, int depth, uint* target)
    {
        var decoder = Fp8Decoder512.Load();
        var order = Vector512.Create(Pairs32);
        for (; depth > 0; depth -= 2)
        {
            var codes = Vector512.Create(Vector256.Load(source), Vector256.Load(source + leading));
            source += 2 * leading;
            codes = Avx512Vbmi.PermuteVar64x8(codes, order);
            decoder.Decode(codes, out var first, out var second);
            first.Store(target);
            second.Store(target + 16);
            target += 32;
        }
    }

    /// <summary>Runs of 16 or 32 BFloat16, an even number of them; parameters as in <see cref="Fp8Columns16"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void BFloat16Columns(
        byte* source,
        long leading,
        int depth,
        uint* target,
        int stride
    )
    {
        for (; depth > 0; depth -= 2)
        {
            Pair((ushort*)source, (ushort*)(source + leading)).Store(target);
            if (stride > 16)
                Pair((ushort*)source + 16, (ushort*)(source + leading) + 16).Store(target + 16);
            source += 2 * leading;
            target += stride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Pair(ushort* even, ushort* odd) =>
        Avx512F.ConvertToVector512UInt32(Vector256.Load(even))
        | (Avx512F.ConvertToVector512UInt32(Vector256.Load(odd)) << 16);
}
