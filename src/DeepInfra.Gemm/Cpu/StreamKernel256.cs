// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepInfra.Gemm.Cpu;

/// <summary>
/// Few rows of A against many rows of B with 256-bit vectors; the order of additions is that of
/// <see cref="StreamKernel512"/> with eight lanes.
/// </summary>
internal static unsafe class StreamKernel256
{
    public static void Run<TDecoder>(in StreamArguments p)
        where TDecoder : struct, IStreamDecoder256
    {
        switch (p.Rows)
        {
            case 1:
                Columns<Count1, Count2, TDecoder>(in p);
                break;
            case 2:
                Columns<Count2, Count2, TDecoder>(in p);
                break;
            case 3:
                Columns<Count3, Count1, TDecoder>(in p);
                break;
            default:
                Columns<Count4, Count1, TDecoder>(in p);
                break;
        }
    }

    [SkipLocalsInit]
    private static void Columns<TRows, TColumns, TDecoder>(in StreamArguments p)
        where TRows : struct, ICount
        where TColumns : struct, ICount
        where TDecoder : struct, IStreamDecoder256
    {
        var tails = stackalloc byte[2 * TileShape.StreamTailBytes];
        var n = 0;
        for (; n + TColumns.Value <= p.Columns; n += TColumns.Value)
        {
            StreamTask.CopyTails(in p, TDecoder.ElementBytes, n, TColumns.Value, tails);
            Block<TRows, TColumns, TDecoder>(in p, n, tails);
        }
        for (; n < p.Columns; n++)
        {
            StreamTask.CopyTails(in p, TDecoder.ElementBytes, n, 1, tails);
            Block<TRows, Count1, TDecoder>(in p, n, tails);
        }
    }

    /// <summary>Calls nothing: no vector register survives a call.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Block<TRows, TColumns, TDecoder>(in StreamArguments p, int n, byte* padded)
        where TRows : struct, ICount
        where TColumns : struct, ICount
        where TDecoder : struct, IStreamDecoder256
    {
        var a = p.A;
        nint lda = p.LeadingA;
        var scaleA = p.ScaleA;
        var scaleB = p.ScaleB + (nint)n * p.LeadingScaleB;
        nint blocks = p.Blocks;
        nint ldsb = p.LeadingScaleB;
        // The next rows: hardware prefetchers lose track at the end of each row.
        var ahead = (nint)p.LeadingB * TColumns.Value;
        var remaining = p.K;
        var b0 = p.B + n * p.LeadingB;
        var b1 = b0 + p.LeadingB;
        Vector256<byte> nan0 = default,
            nan1 = default;
        Vector256<float> t00 = default,
            t01 = default,
            t10 = default,
            t11 = default,
            t20 = default,
            t21 = default,
            t30 = default,
            t31 = default;
        for (nint block = 0; block < blocks; block++)
        {
            Vector256<float> c00 = default,
                c01 = default,
                c10 = default,
                c11 = default,
                c20 = default,
                c21 = default,
                c30 = default,
                c31 = default;
            var depth = Math.Min(remaining, p.ScaleStep);
            remaining -= depth;
            for (; depth > 0; depth -= TileShape.StreamChunk)
            {
                if (depth < TileShape.StreamChunk)
                {
                    // The last chunk of a row is short: bytes behind the row are not ours to read.
                    b0 = padded;
                    b1 = padded + TileShape.StreamTailBytes;
                }
                for (var half = 0; half < TileShape.StreamChunk; half += 32)
                {
                    Sse.Prefetch1(b0 + ahead);
                    TDecoder.Decode(b0, out var f0, out var s0, ref nan0);
                    b0 += 32 * TDecoder.ElementBytes;
                    Vector256<uint> f1 = default,
                        s1 = default;
                    if (TColumns.Value > 1)
                    {
                        Sse.Prefetch1(b1 + ahead);
                        TDecoder.Decode(b1, out f1, out s1, ref nan1);
                        b1 += 32 * TDecoder.ElementBytes;
                    }
                    {
                        var v0 = (f0 << 16).AsSingle();
                        var v1 = (f1 << 16).AsSingle();
                        if (TRows.Value > 0)
                        {
                            var x = Vector256.Load(a);
                            c00 = Vector256.MultiplyAddEstimate(v0, x, c00);
                            if (TColumns.Value > 1)
                                c01 = Vector256.MultiplyAddEstimate(v1, x, c01);
                        }
                        if (TRows.Value > 1)
                        {
                            var x = Vector256.Load(a + lda);
                            c10 = Vector256.MultiplyAddEstimate(v0, x, c10);
                            if (TColumns.Value > 1)
                                c11 = Vector256.MultiplyAddEstimate(v1, x, c11);
                        }
                        if (TRows.Value > 2)
                        {
                            var x = Vector256.Load(a + 2 * lda);
                            c20 = Vector256.MultiplyAddEstimate(v0, x, c20);
                            if (TColumns.Value > 1)
                                c21 = Vector256.MultiplyAddEstimate(v1, x, c21);
                        }
                        if (TRows.Value > 3)
                        {
                            var x = Vector256.Load(a + 3 * lda);
                            c30 = Vector256.MultiplyAddEstimate(v0, x, c30);
                            if (TColumns.Value > 1)
                                c31 = Vector256.MultiplyAddEstimate(v1, x, c31);
                        }
                    }
                    {
                        var v0 = (f0 & Vector256.Create(0xFFFF_0000u)).AsSingle();
                        var v1 = (f1 & Vector256.Create(0xFFFF_0000u)).AsSingle();
                        if (TRows.Value > 0)
                        {
                            var x = Vector256.Load(a + 8);
                            c00 = Vector256.MultiplyAddEstimate(v0, x, c00);
                            if (TColumns.Value > 1)
                                c01 = Vector256.MultiplyAddEstimate(v1, x, c01);
                        }
                        if (TRows.Value > 1)
                        {
                            var x = Vector256.Load(a + lda + 8);
                            c10 = Vector256.MultiplyAddEstimate(v0, x, c10);
                            if (TColumns.Value > 1)
                                c11 = Vector256.MultiplyAddEstimate(v1, x, c11);
                        }
                        if (TRows.Value > 2)
                        {
                            var x = Vector256.Load(a + 2 * lda + 8);
                            c20 = Vector256.MultiplyAddEstimate(v0, x, c20);
                            if (TColumns.Value > 1)
                                c21 = Vector256.MultiplyAddEstimate(v1, x, c21);
                        }
                        if (TRows.Value > 3)
                        {
                            var x = Vector256.Load(a + 3 * lda + 8);
                            c30 = Vector256.MultiplyAddEstimate(v0, x, c30);
                            if (TColumns.Value > 1)
                                c31 = Vector256.MultiplyAddEstimate(v1, x, c31);
                        }
                    }
                    {
                        var v0 = (s0 << 16).AsSingle();
                        var v1 = (s1 << 16).AsSingle();
                        if (TRows.Value > 0)
                        {
                            var x = Vector256.Load(a + 16);
                            c00 = Vector256.MultiplyAddEstimate(v0, x, c00);
                            if (TColumns.Value > 1)
                                c01 = Vector256.MultiplyAddEstimate(v1, x, c01);
                        }
                        if (TRows.Value > 1)
                        {
                            var x = Vector256.Load(a + lda + 16);
                            c10 = Vector256.MultiplyAddEstimate(v0, x, c10);
                            if (TColumns.Value > 1)
                                c11 = Vector256.MultiplyAddEstimate(v1, x, c11);
                        }
                        if (TRows.Value > 2)
                        {
                            var x = Vector256.Load(a + 2 * lda + 16);
                            c20 = Vector256.MultiplyAddEstimate(v0, x, c20);
                            if (TColumns.Value > 1)
                                c21 = Vector256.MultiplyAddEstimate(v1, x, c21);
                        }
                        if (TRows.Value > 3)
                        {
                            var x = Vector256.Load(a + 3 * lda + 16);
                            c30 = Vector256.MultiplyAddEstimate(v0, x, c30);
                            if (TColumns.Value > 1)
                                c31 = Vector256.MultiplyAddEstimate(v1, x, c31);
                        }
                    }
                    {
                        var v0 = (s0 & Vector256.Create(0xFFFF_0000u)).AsSingle();
                        var v1 = (s1 & Vector256.Create(0xFFFF_0000u)).AsSingle();
                        if (TRows.Value > 0)
                        {
                            var x = Vector256.Load(a + 24);
                            c00 = Vector256.MultiplyAddEstimate(v0, x, c00);
                            if (TColumns.Value > 1)
                                c01 = Vector256.MultiplyAddEstimate(v1, x, c01);
                        }
                        if (TRows.Value > 1)
                        {
                            var x = Vector256.Load(a + lda + 24);
                            c10 = Vector256.MultiplyAddEstimate(v0, x, c10);
                            if (TColumns.Value > 1)
                                c11 = Vector256.MultiplyAddEstimate(v1, x, c11);
                        }
                        if (TRows.Value > 2)
                        {
                            var x = Vector256.Load(a + 2 * lda + 24);
                            c20 = Vector256.MultiplyAddEstimate(v0, x, c20);
                            if (TColumns.Value > 1)
                                c21 = Vector256.MultiplyAddEstimate(v1, x, c21);
                        }
                        if (TRows.Value > 3)
                        {
                            var x = Vector256.Load(a + 3 * lda + 24);
                            c30 = Vector256.MultiplyAddEstimate(v0, x, c30);
                            if (TColumns.Value > 1)
                                c31 = Vector256.MultiplyAddEstimate(v1, x, c31);
                        }
                    }
                    a += 32;
                }
            }
            if (TRows.Value > 0)
            {
                var x = scaleA[block];
                t00 = Scaled(x * scaleB[block], c00 * Vector256.Create(TDecoder.Scale), t00);
                if (TColumns.Value > 1)
                    t01 = Scaled(
                        x * scaleB[ldsb + block],
                        c01 * Vector256.Create(TDecoder.Scale),
                        t01
                    );
            }
            if (TRows.Value > 1)
            {
                var x = scaleA[1 * blocks + block];
                t10 = Scaled(x * scaleB[block], c10 * Vector256.Create(TDecoder.Scale), t10);
                if (TColumns.Value > 1)
                    t11 = Scaled(
                        x * scaleB[ldsb + block],
                        c11 * Vector256.Create(TDecoder.Scale),
                        t11
                    );
            }
            if (TRows.Value > 2)
            {
                var x = scaleA[2 * blocks + block];
                t20 = Scaled(x * scaleB[block], c20 * Vector256.Create(TDecoder.Scale), t20);
                if (TColumns.Value > 1)
                    t21 = Scaled(
                        x * scaleB[ldsb + block],
                        c21 * Vector256.Create(TDecoder.Scale),
                        t21
                    );
            }
            if (TRows.Value > 3)
            {
                var x = scaleA[3 * blocks + block];
                t30 = Scaled(x * scaleB[block], c30 * Vector256.Create(TDecoder.Scale), t30);
                if (TColumns.Value > 1)
                    t31 = Scaled(
                        x * scaleB[ldsb + block],
                        c31 * Vector256.Create(TDecoder.Scale),
                        t31
                    );
            }
        }
        var poison0 = Poison(nan0);
        var poison1 = Poison(nan1);
        if (TRows.Value > 0)
        {
            var result = p.Result + (nint)0 * p.LeadingResult + n;
            result[0] = Vector256.Sum(t00) + poison0;
            if (TColumns.Value > 1)
                result[1] = Vector256.Sum(t01) + poison1;
        }
        if (TRows.Value > 1)
        {
            var result = p.Result + (nint)1 * p.LeadingResult + n;
            result[0] = Vector256.Sum(t10) + poison0;
            if (TColumns.Value > 1)
                result[1] = Vector256.Sum(t11) + poison1;
        }
        if (TRows.Value > 2)
        {
            var result = p.Result + (nint)2 * p.LeadingResult + n;
            result[0] = Vector256.Sum(t20) + poison0;
            if (TColumns.Value > 1)
                result[1] = Vector256.Sum(t21) + poison1;
        }
        if (TRows.Value > 3)
        {
            var result = p.Result + (nint)3 * p.LeadingResult + n;
            result[0] = Vector256.Sum(t30) + poison0;
            if (TColumns.Value > 1)
                result[1] = Vector256.Sum(t31) + poison1;
        }
    }

    /// <summary>NaN if a NaN code was seen: it makes all products of its row NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Poison(Vector256<byte> seen) =>
        seen == Vector256<byte>.Zero ? 0f : float.NaN;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Scaled(
        float scale,
        Vector256<float> sum,
        Vector256<float> total
    ) => Vector256.MultiplyAddEstimate(Vector256.Create(scale), sum, total);
}
