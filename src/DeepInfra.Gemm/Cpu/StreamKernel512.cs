// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepInfra.Gemm.Cpu;

/// <summary>
/// Few rows of A against many rows of B with 512-bit vectors. Every lane keeps the sum of the k that fall on it: within a
/// scale block in one register, over the blocks in a second one (sum of blocks += scale · sum of the block); lanes are
/// added at the end. The order of additions depends on K alone, so a row's result does not depend on how many
/// rows or columns are computed with it.
/// </summary>
internal static unsafe class StreamKernel512
{
    public static void Run<TDecoder>(in StreamArguments p)
        where TDecoder : struct, IStreamDecoder512<TDecoder>
    {
        switch (p.Rows)
        {
            case 1:
                Columns<Count1, Count4, TDecoder>(in p);
                break;
            case 2:
                Columns<Count2, Count4, TDecoder>(in p);
                break;
            case 3:
                Columns<Count3, Count4, TDecoder>(in p);
                break;
            default:
                Columns<Count4, Count4, TDecoder>(in p);
                break;
        }
    }

    [SkipLocalsInit]
    private static void Columns<TRows, TColumns, TDecoder>(in StreamArguments p)
        where TRows : struct, ICount
        where TColumns : struct, ICount
        where TDecoder : struct, IStreamDecoder512<TDecoder>
    {
        var tails = stackalloc byte[4 * TileShape.StreamTailBytes];
        var totals = stackalloc float[4 * 4 * 16];
        var n = 0;
        for (; n + TColumns.Value <= p.Columns; n += TColumns.Value)
        {
            StreamTask.CopyTails(in p, TDecoder.ElementBytes, n, TColumns.Value, tails);
            Block<TRows, TColumns, TDecoder>(in p, n, tails, totals);
        }
        for (; n < p.Columns; n++)
        {
            StreamTask.CopyTails(in p, TDecoder.ElementBytes, n, 1, tails);
            Block<TRows, Count1, TDecoder>(in p, n, tails, totals);
        }
    }

    /// <summary>Calls nothing: no vector register survives a call.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Block<TRows, TColumns, TDecoder>(
        in StreamArguments p,
        int n,
        byte* padded,
        float* totals
    )
        where TRows : struct, ICount
        where TColumns : struct, ICount
        where TDecoder : struct, IStreamDecoder512<TDecoder>
    {
        var a = p.A;
        nint lda = p.LeadingA;
        var decoder = TDecoder.Load();
        var upper = Vector512.Create(0xFFFF_0000u);
        var scaleA = p.ScaleA;
        var scaleB = p.ScaleB + (nint)n * p.LeadingScaleB;
        nint blocks = p.Blocks;
        nint ldsb = p.LeadingScaleB;
        // More totals than registers: they are needed once per block only.
        var inMemory = TRows.Value * TColumns.Value > 8;
        if (inMemory)
            for (var i = 0; i < TRows.Value * 4; i++)
                Vector512<float>.Zero.Store(totals + 16 * i);
        // The next rows: hardware prefetchers lose track at the end of each row.
        var ahead = (nint)p.LeadingB * TColumns.Value;
        var remaining = p.K;
        var b0 = p.B + n * p.LeadingB;
        var b1 = p.B + (n + (TColumns.Value > 1 ? 1 : 0)) * p.LeadingB;
        var b2 = p.B + (n + (TColumns.Value > 2 ? 2 : 0)) * p.LeadingB;
        var b3 = p.B + (n + (TColumns.Value > 3 ? 3 : 0)) * p.LeadingB;
        Vector512<float> t00 = default,
            t01 = default,
            t02 = default,
            t03 = default,
            t10 = default,
            t11 = default,
            t12 = default,
            t13 = default,
            t20 = default,
            t21 = default,
            t22 = default,
            t23 = default,
            t30 = default,
            t31 = default,
            t32 = default,
            t33 = default;
        for (nint block = 0; block < blocks; block++)
        {
            Vector512<float> c00 = default,
                c01 = default,
                c02 = default,
                c03 = default,
                c10 = default,
                c11 = default,
                c12 = default,
                c13 = default,
                c20 = default,
                c21 = default,
                c22 = default,
                c23 = default,
                c30 = default,
                c31 = default,
                c32 = default,
                c33 = default;
            var depth = Math.Min(remaining, p.ScaleStep);
            remaining -= depth;
            for (; depth > 0; depth -= TileShape.StreamChunk)
            {
                if (depth < TileShape.StreamChunk)
                {
                    // The last chunk of a row is short: bytes behind the row are not ours to read.
                    b0 = padded;
                    if (TColumns.Value > 1)
                        b1 = padded + TileShape.StreamTailBytes;
                    if (TColumns.Value > 2)
                        b2 = padded + 2 * TileShape.StreamTailBytes;
                    if (TColumns.Value > 3)
                        b3 = padded + 3 * TileShape.StreamTailBytes;
                }
                Vector512<uint> f0,
                    s0,
                    f1 = default,
                    s1 = default,
                    f2 = default,
                    s2 = default,
                    f3 = default,
                    s3 = default;
                Read(ref b0, ahead, decoder, out f0, out s0);
                if (TColumns.Value > 1)
                    Read(ref b1, ahead, decoder, out f1, out s1);
                if (TColumns.Value > 2)
                    Read(ref b2, ahead, decoder, out f2, out s2);
                if (TColumns.Value > 3)
                    Read(ref b3, ahead, decoder, out f3, out s3);
                {
                    var v0 = (f0 << 16).AsSingle();
                    var v1 = (f1 << 16).AsSingle();
                    var v2 = (f2 << 16).AsSingle();
                    var v3 = (f3 << 16).AsSingle();
                    if (TRows.Value > 0)
                    {
                        var x = Vector512.Load(a);
                        c00 = Vector512.FusedMultiplyAdd(v0, x, c00);
                        if (TColumns.Value > 1)
                            c01 = Vector512.FusedMultiplyAdd(v1, x, c01);
                        if (TColumns.Value > 2)
                            c02 = Vector512.FusedMultiplyAdd(v2, x, c02);
                        if (TColumns.Value > 3)
                            c03 = Vector512.FusedMultiplyAdd(v3, x, c03);
                    }
                    if (TRows.Value > 1)
                    {
                        var x = Vector512.Load(a + lda);
                        c10 = Vector512.FusedMultiplyAdd(v0, x, c10);
                        if (TColumns.Value > 1)
                            c11 = Vector512.FusedMultiplyAdd(v1, x, c11);
                        if (TColumns.Value > 2)
                            c12 = Vector512.FusedMultiplyAdd(v2, x, c12);
                        if (TColumns.Value > 3)
                            c13 = Vector512.FusedMultiplyAdd(v3, x, c13);
                    }
                    if (TRows.Value > 2)
                    {
                        var x = Vector512.Load(a + 2 * lda);
                        c20 = Vector512.FusedMultiplyAdd(v0, x, c20);
                        if (TColumns.Value > 1)
                            c21 = Vector512.FusedMultiplyAdd(v1, x, c21);
                        if (TColumns.Value > 2)
                            c22 = Vector512.FusedMultiplyAdd(v2, x, c22);
                        if (TColumns.Value > 3)
                            c23 = Vector512.FusedMultiplyAdd(v3, x, c23);
                    }
                    if (TRows.Value > 3)
                    {
                        var x = Vector512.Load(a + 3 * lda);
                        c30 = Vector512.FusedMultiplyAdd(v0, x, c30);
                        if (TColumns.Value > 1)
                            c31 = Vector512.FusedMultiplyAdd(v1, x, c31);
                        if (TColumns.Value > 2)
                            c32 = Vector512.FusedMultiplyAdd(v2, x, c32);
                        if (TColumns.Value > 3)
                            c33 = Vector512.FusedMultiplyAdd(v3, x, c33);
                    }
                }
                {
                    var v0 = (f0 & upper).AsSingle();
                    var v1 = (f1 & upper).AsSingle();
                    var v2 = (f2 & upper).AsSingle();
                    var v3 = (f3 & upper).AsSingle();
                    if (TRows.Value > 0)
                    {
                        var x = Vector512.Load(a + 16);
                        c00 = Vector512.FusedMultiplyAdd(v0, x, c00);
                        if (TColumns.Value > 1)
                            c01 = Vector512.FusedMultiplyAdd(v1, x, c01);
                        if (TColumns.Value > 2)
                            c02 = Vector512.FusedMultiplyAdd(v2, x, c02);
                        if (TColumns.Value > 3)
                            c03 = Vector512.FusedMultiplyAdd(v3, x, c03);
                    }
                    if (TRows.Value > 1)
                    {
                        var x = Vector512.Load(a + lda + 16);
                        c10 = Vector512.FusedMultiplyAdd(v0, x, c10);
                        if (TColumns.Value > 1)
                            c11 = Vector512.FusedMultiplyAdd(v1, x, c11);
                        if (TColumns.Value > 2)
                            c12 = Vector512.FusedMultiplyAdd(v2, x, c12);
                        if (TColumns.Value > 3)
                            c13 = Vector512.FusedMultiplyAdd(v3, x, c13);
                    }
                    if (TRows.Value > 2)
                    {
                        var x = Vector512.Load(a + 2 * lda + 16);
                        c20 = Vector512.FusedMultiplyAdd(v0, x, c20);
                        if (TColumns.Value > 1)
                            c21 = Vector512.FusedMultiplyAdd(v1, x, c21);
                        if (TColumns.Value > 2)
                            c22 = Vector512.FusedMultiplyAdd(v2, x, c22);
                        if (TColumns.Value > 3)
                            c23 = Vector512.FusedMultiplyAdd(v3, x, c23);
                    }
                    if (TRows.Value > 3)
                    {
                        var x = Vector512.Load(a + 3 * lda + 16);
                        c30 = Vector512.FusedMultiplyAdd(v0, x, c30);
                        if (TColumns.Value > 1)
                            c31 = Vector512.FusedMultiplyAdd(v1, x, c31);
                        if (TColumns.Value > 2)
                            c32 = Vector512.FusedMultiplyAdd(v2, x, c32);
                        if (TColumns.Value > 3)
                            c33 = Vector512.FusedMultiplyAdd(v3, x, c33);
                    }
                }
                {
                    var v0 = (s0 << 16).AsSingle();
                    var v1 = (s1 << 16).AsSingle();
                    var v2 = (s2 << 16).AsSingle();
                    var v3 = (s3 << 16).AsSingle();
                    if (TRows.Value > 0)
                    {
                        var x = Vector512.Load(a + 32);
                        c00 = Vector512.FusedMultiplyAdd(v0, x, c00);
                        if (TColumns.Value > 1)
                            c01 = Vector512.FusedMultiplyAdd(v1, x, c01);
                        if (TColumns.Value > 2)
                            c02 = Vector512.FusedMultiplyAdd(v2, x, c02);
                        if (TColumns.Value > 3)
                            c03 = Vector512.FusedMultiplyAdd(v3, x, c03);
                    }
                    if (TRows.Value > 1)
                    {
                        var x = Vector512.Load(a + lda + 32);
                        c10 = Vector512.FusedMultiplyAdd(v0, x, c10);
                        if (TColumns.Value > 1)
                            c11 = Vector512.FusedMultiplyAdd(v1, x, c11);
                        if (TColumns.Value > 2)
                            c12 = Vector512.FusedMultiplyAdd(v2, x, c12);
                        if (TColumns.Value > 3)
                            c13 = Vector512.FusedMultiplyAdd(v3, x, c13);
                    }
                    if (TRows.Value > 2)
                    {
                        var x = Vector512.Load(a + 2 * lda + 32);
                        c20 = Vector512.FusedMultiplyAdd(v0, x, c20);
                        if (TColumns.Value > 1)
                            c21 = Vector512.FusedMultiplyAdd(v1, x, c21);
                        if (TColumns.Value > 2)
                            c22 = Vector512.FusedMultiplyAdd(v2, x, c22);
                        if (TColumns.Value > 3)
                            c23 = Vector512.FusedMultiplyAdd(v3, x, c23);
                    }
                    if (TRows.Value > 3)
                    {
                        var x = Vector512.Load(a + 3 * lda + 32);
                        c30 = Vector512.FusedMultiplyAdd(v0, x, c30);
                        if (TColumns.Value > 1)
                            c31 = Vector512.FusedMultiplyAdd(v1, x, c31);
                        if (TColumns.Value > 2)
                            c32 = Vector512.FusedMultiplyAdd(v2, x, c32);
                        if (TColumns.Value > 3)
                            c33 = Vector512.FusedMultiplyAdd(v3, x, c33);
                    }
                }
                {
                    var v0 = (s0 & upper).AsSingle();
                    var v1 = (s1 & upper).AsSingle();
                    var v2 = (s2 & upper).AsSingle();
                    var v3 = (s3 & upper).AsSingle();
                    if (TRows.Value > 0)
                    {
                        var x = Vector512.Load(a + 48);
                        c00 = Vector512.FusedMultiplyAdd(v0, x, c00);
                        if (TColumns.Value > 1)
                            c01 = Vector512.FusedMultiplyAdd(v1, x, c01);
                        if (TColumns.Value > 2)
                            c02 = Vector512.FusedMultiplyAdd(v2, x, c02);
                        if (TColumns.Value > 3)
                            c03 = Vector512.FusedMultiplyAdd(v3, x, c03);
                    }
                    if (TRows.Value > 1)
                    {
                        var x = Vector512.Load(a + lda + 48);
                        c10 = Vector512.FusedMultiplyAdd(v0, x, c10);
                        if (TColumns.Value > 1)
                            c11 = Vector512.FusedMultiplyAdd(v1, x, c11);
                        if (TColumns.Value > 2)
                            c12 = Vector512.FusedMultiplyAdd(v2, x, c12);
                        if (TColumns.Value > 3)
                            c13 = Vector512.FusedMultiplyAdd(v3, x, c13);
                    }
                    if (TRows.Value > 2)
                    {
                        var x = Vector512.Load(a + 2 * lda + 48);
                        c20 = Vector512.FusedMultiplyAdd(v0, x, c20);
                        if (TColumns.Value > 1)
                            c21 = Vector512.FusedMultiplyAdd(v1, x, c21);
                        if (TColumns.Value > 2)
                            c22 = Vector512.FusedMultiplyAdd(v2, x, c22);
                        if (TColumns.Value > 3)
                            c23 = Vector512.FusedMultiplyAdd(v3, x, c23);
                    }
                    if (TRows.Value > 3)
                    {
                        var x = Vector512.Load(a + 3 * lda + 48);
                        c30 = Vector512.FusedMultiplyAdd(v0, x, c30);
                        if (TColumns.Value > 1)
                            c31 = Vector512.FusedMultiplyAdd(v1, x, c31);
                        if (TColumns.Value > 2)
                            c32 = Vector512.FusedMultiplyAdd(v2, x, c32);
                        if (TColumns.Value > 3)
                            c33 = Vector512.FusedMultiplyAdd(v3, x, c33);
                    }
                }
                a += TileShape.StreamChunk;
            }
            if (TRows.Value > 0)
            {
                var x = scaleA[block];
                Add(ref t00, totals + 0, inMemory, x * scaleB[block], c00);
                if (TColumns.Value > 1)
                    Add(ref t01, totals + 16, inMemory, x * scaleB[1 * ldsb + block], c01);
                if (TColumns.Value > 2)
                    Add(ref t02, totals + 32, inMemory, x * scaleB[2 * ldsb + block], c02);
                if (TColumns.Value > 3)
                    Add(ref t03, totals + 48, inMemory, x * scaleB[3 * ldsb + block], c03);
            }
            if (TRows.Value > 1)
            {
                var x = scaleA[1 * blocks + block];
                Add(ref t10, totals + 64, inMemory, x * scaleB[block], c10);
                if (TColumns.Value > 1)
                    Add(ref t11, totals + 80, inMemory, x * scaleB[1 * ldsb + block], c11);
                if (TColumns.Value > 2)
                    Add(ref t12, totals + 96, inMemory, x * scaleB[2 * ldsb + block], c12);
                if (TColumns.Value > 3)
                    Add(ref t13, totals + 112, inMemory, x * scaleB[3 * ldsb + block], c13);
            }
            if (TRows.Value > 2)
            {
                var x = scaleA[2 * blocks + block];
                Add(ref t20, totals + 128, inMemory, x * scaleB[block], c20);
                if (TColumns.Value > 1)
                    Add(ref t21, totals + 144, inMemory, x * scaleB[1 * ldsb + block], c21);
                if (TColumns.Value > 2)
                    Add(ref t22, totals + 160, inMemory, x * scaleB[2 * ldsb + block], c22);
                if (TColumns.Value > 3)
                    Add(ref t23, totals + 176, inMemory, x * scaleB[3 * ldsb + block], c23);
            }
            if (TRows.Value > 3)
            {
                var x = scaleA[3 * blocks + block];
                Add(ref t30, totals + 192, inMemory, x * scaleB[block], c30);
                if (TColumns.Value > 1)
                    Add(ref t31, totals + 208, inMemory, x * scaleB[1 * ldsb + block], c31);
                if (TColumns.Value > 2)
                    Add(ref t32, totals + 224, inMemory, x * scaleB[2 * ldsb + block], c32);
                if (TColumns.Value > 3)
                    Add(ref t33, totals + 240, inMemory, x * scaleB[3 * ldsb + block], c33);
            }
        }
        if (TRows.Value > 0)
        {
            var result = p.Result + (nint)0 * p.LeadingResult + n;
            result[0] = Vector512.Sum(inMemory ? Vector512.Load(totals + 0) : t00);
            if (TColumns.Value > 1)
                result[1] = Vector512.Sum(inMemory ? Vector512.Load(totals + 16) : t01);
            if (TColumns.Value > 2)
                result[2] = Vector512.Sum(inMemory ? Vector512.Load(totals + 32) : t02);
            if (TColumns.Value > 3)
                result[3] = Vector512.Sum(inMemory ? Vector512.Load(totals + 48) : t03);
        }
        if (TRows.Value > 1)
        {
            var result = p.Result + (nint)1 * p.LeadingResult + n;
            result[0] = Vector512.Sum(inMemory ? Vector512.Load(totals + 64) : t10);
            if (TColumns.Value > 1)
                result[1] = Vector512.Sum(inMemory ? Vector512.Load(totals + 80) : t11);
            if (TColumns.Value > 2)
                result[2] = Vector512.Sum(inMemory ? Vector512.Load(totals + 96) : t12);
            if (TColumns.Value > 3)
                result[3] = Vector512.Sum(inMemory ? Vector512.Load(totals + 112) : t13);
        }
        if (TRows.Value > 2)
        {
            var result = p.Result + (nint)2 * p.LeadingResult + n;
            result[0] = Vector512.Sum(inMemory ? Vector512.Load(totals + 128) : t20);
            if (TColumns.Value > 1)
                result[1] = Vector512.Sum(inMemory ? Vector512.Load(totals + 144) : t21);
            if (TColumns.Value > 2)
                result[2] = Vector512.Sum(inMemory ? Vector512.Load(totals + 160) : t22);
            if (TColumns.Value > 3)
                result[3] = Vector512.Sum(inMemory ? Vector512.Load(totals + 176) : t23);
        }
        if (TRows.Value > 3)
        {
            var result = p.Result + (nint)3 * p.LeadingResult + n;
            result[0] = Vector512.Sum(inMemory ? Vector512.Load(totals + 192) : t30);
            if (TColumns.Value > 1)
                result[1] = Vector512.Sum(inMemory ? Vector512.Load(totals + 208) : t31);
            if (TColumns.Value > 2)
                result[2] = Vector512.Sum(inMemory ? Vector512.Load(totals + 224) : t32);
            if (TColumns.Value > 3)
                result[3] = Vector512.Sum(inMemory ? Vector512.Load(totals + 240) : t33);
        }
    }

    /// <summary>Reads a chunk of a row and asks for the same chunk of a later row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Read<TDecoder>(
        ref byte* source,
        nint ahead,
        TDecoder decoder,
        out Vector512<uint> first,
        out Vector512<uint> second
    )
        where TDecoder : struct, IStreamDecoder512<TDecoder>
    {
        Sse.Prefetch1(source + ahead);
        if (TDecoder.ElementBytes > 1)
            Sse.Prefetch1(source + ahead + 64);
        decoder.Decode(source, out first, out second);
        source += TileShape.StreamChunk * TDecoder.ElementBytes;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(
        ref Vector512<float> total,
        float* memory,
        bool inMemory,
        float scale,
        Vector512<float> sum
    )
    {
        if (inMemory)
            Vector512
                .FusedMultiplyAdd(Vector512.Create(scale), sum, Vector512.Load(memory))
                .Store(memory);
        else
            total = Vector512.FusedMultiplyAdd(Vector512.Create(scale), sum, total);
    }
}
