// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DeepInfra.Gemm.Cpu;

/// <summary>
/// Few rows of A against many rows of B with 512-bit vectors. Every lane keeps the sum of the k that fall on it: within a
/// scale block in one register, over the blocks in a second one (sum of blocks += scale · sum of the block); lanes are
/// added at the end. The order of additions depends on K alone, so a row's result does not depend on how many
/// rows or columns are computed with it.
/// </summary>
internal static unsafe class StreamKernel512
{
    public static void Run<TDecoder>(ref StreamArguments p)
        where TDecoder : struct, IStreamDecoder512<TDecoder>
    {
        switch (p.Rows)
        {
            case 1:
                Columns<Count1, Count4, TDecoder>(ref p);
                break;
            case 2:
                Columns<Count2, Count4, TDecoder>(ref p);
                break;
            case 3:
                Columns<Count3, Count2, TDecoder>(ref p);
                break;
            default:
                Columns<Count4, Count2, TDecoder>(ref p);
                break;
        }
    }

    private static void Columns<TRows, TColumns, TDecoder>(ref StreamArguments p)
        where TRows : struct, ICount
        where TColumns : struct, ICount
        where TDecoder : struct, IStreamDecoder512<TDecoder>
    {
        var n = 0;
        for (; n + TColumns.Value <= p.Columns; n += TColumns.Value)
            Block<TRows, TColumns, TDecoder>(ref p, n);
        for (; n < p.Columns; n++)
            Block<TRows, Count1, TDecoder>(ref p, n);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Block<TRows, TColumns, TDecoder>(ref StreamArguments p, int n)
        where TRows : struct, ICount
        where TColumns : struct, ICount
        where TDecoder : struct, IStreamDecoder512<TDecoder>
    {
        var a = p.A;
        nint lda = p.LeadingA;
        var chunkBytes = TileShape.StreamChunk * TDecoder.ElementBytes;
        var decoder = TDecoder.Load();
        var partial = stackalloc byte[2 * TileShape.StreamChunk];
        var scaleA = p.ScaleA;
        var scaleB = p.ScaleB + (nint)n * p.LeadingScaleB;
        nint blocks = p.Blocks;
        nint ldsb = p.LeadingScaleB;
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
                // The last chunk of a row may be short: bytes behind the row are not ours to read.
                var whole = depth >= TileShape.StreamChunk;
                if (TColumns.Value > 0)
                {
                    Vector512<float> v0,
                        v1,
                        v2,
                        v3;
                    if (whole)
                        decoder.Decode(b0, out v0, out v1, out v2, out v3);
                    else
                        decoder.Decode(
                            Padded(b0, depth * TDecoder.ElementBytes, partial),
                            out v0,
                            out v1,
                            out v2,
                            out v3
                        );
                    if (TRows.Value > 0)
                    {
                        var x = a;
                        c00 = Vector512.FusedMultiplyAdd(v0, Vector512.Load(x), c00);
                        c00 = Vector512.FusedMultiplyAdd(v1, Vector512.Load(x + 16), c00);
                        c00 = Vector512.FusedMultiplyAdd(v2, Vector512.Load(x + 32), c00);
                        c00 = Vector512.FusedMultiplyAdd(v3, Vector512.Load(x + 48), c00);
                    }
                    if (TRows.Value > 1)
                    {
                        var x = a + lda;
                        c10 = Vector512.FusedMultiplyAdd(v0, Vector512.Load(x), c10);
                        c10 = Vector512.FusedMultiplyAdd(v1, Vector512.Load(x + 16), c10);
                        c10 = Vector512.FusedMultiplyAdd(v2, Vector512.Load(x + 32), c10);
                        c10 = Vector512.FusedMultiplyAdd(v3, Vector512.Load(x + 48), c10);
                    }
                    if (TRows.Value > 2)
                    {
                        var x = a + 2 * lda;
                        c20 = Vector512.FusedMultiplyAdd(v0, Vector512.Load(x), c20);
                        c20 = Vector512.FusedMultiplyAdd(v1, Vector512.Load(x + 16), c20);
                        c20 = Vector512.FusedMultiplyAdd(v2, Vector512.Load(x + 32), c20);
                        c20 = Vector512.FusedMultiplyAdd(v3, Vector512.Load(x + 48), c20);
                    }
                    if (TRows.Value > 3)
                    {
                        var x = a + 3 * lda;
                        c30 = Vector512.FusedMultiplyAdd(v0, Vector512.Load(x), c30);
                        c30 = Vector512.FusedMultiplyAdd(v1, Vector512.Load(x + 16), c30);
                        c30 = Vector512.FusedMultiplyAdd(v2, Vector512.Load(x + 32), c30);
                        c30 = Vector512.FusedMultiplyAdd(v3, Vector512.Load(x + 48), c30);
                    }
                    b0 += chunkBytes;
                }
                if (TColumns.Value > 1)
                {
                    Vector512<float> v0,
                        v1,
                        v2,
                        v3;
                    if (whole)
                        decoder.Decode(b1, out v0, out v1, out v2, out v3);
                    else
                        decoder.Decode(
                            Padded(b1, depth * TDecoder.ElementBytes, partial),
                            out v0,
                            out v1,
                            out v2,
                            out v3
                        );
                    if (TRows.Value > 0)
                    {
                        var x = a;
                        c01 = Vector512.FusedMultiplyAdd(v0, Vector512.Load(x), c01);
                        c01 = Vector512.FusedMultiplyAdd(v1, Vector512.Load(x + 16), c01);
                        c01 = Vector512.FusedMultiplyAdd(v2, Vector512.Load(x + 32), c01);
                        c01 = Vector512.FusedMultiplyAdd(v3, Vector512.Load(x + 48), c01);
                    }
                    if (TRows.Value > 1)
                    {
                        var x = a + lda;
                        c11 = Vector512.FusedMultiplyAdd(v0, Vector512.Load(x), c11);
                        c11 = Vector512.FusedMultiplyAdd(v1, Vector512.Load(x + 16), c11);
                        c11 = Vector512.FusedMultiplyAdd(v2, Vector512.Load(x + 32), c11);
                        c11 = Vector512.FusedMultiplyAdd(v3, Vector512.Load(x + 48), c11);
                    }
                    if (TRows.Value > 2)
                    {
                        var x = a + 2 * lda;
                        c21 = Vector512.FusedMultiplyAdd(v0, Vector512.Load(x), c21);
                        c21 = Vector512.FusedMultiplyAdd(v1, Vector512.Load(x + 16), c21);
                        c21 = Vector512.FusedMultiplyAdd(v2, Vector512.Load(x + 32), c21);
                        c21 = Vector512.FusedMultiplyAdd(v3, Vector512.Load(x + 48), c21);
                    }
                    if (TRows.Value > 3)
                    {
                        var x = a + 3 * lda;
                        c31 = Vector512.FusedMultiplyAdd(v0, Vector512.Load(x), c31);
                        c31 = Vector512.FusedMultiplyAdd(v1, Vector512.Load(x + 16), c31);
                        c31 = Vector512.FusedMultiplyAdd(v2, Vector512.Load(x + 32), c31);
                        c31 = Vector512.FusedMultiplyAdd(v3, Vector512.Load(x + 48), c31);
                    }
                    b1 += chunkBytes;
                }
                if (TColumns.Value > 2)
                {
                    Vector512<float> v0,
                        v1,
                        v2,
                        v3;
                    if (whole)
                        decoder.Decode(b2, out v0, out v1, out v2, out v3);
                    else
                        decoder.Decode(
                            Padded(b2, depth * TDecoder.ElementBytes, partial),
                            out v0,
                            out v1,
                            out v2,
                            out v3
                        );
                    if (TRows.Value > 0)
                    {
                        var x = a;
                        c02 = Vector512.FusedMultiplyAdd(v0, Vector512.Load(x), c02);
                        c02 = Vector512.FusedMultiplyAdd(v1, Vector512.Load(x + 16), c02);
                        c02 = Vector512.FusedMultiplyAdd(v2, Vector512.Load(x + 32), c02);
                        c02 = Vector512.FusedMultiplyAdd(v3, Vector512.Load(x + 48), c02);
                    }
                    if (TRows.Value > 1)
                    {
                        var x = a + lda;
                        c12 = Vector512.FusedMultiplyAdd(v0, Vector512.Load(x), c12);
                        c12 = Vector512.FusedMultiplyAdd(v1, Vector512.Load(x + 16), c12);
                        c12 = Vector512.FusedMultiplyAdd(v2, Vector512.Load(x + 32), c12);
                        c12 = Vector512.FusedMultiplyAdd(v3, Vector512.Load(x + 48), c12);
                    }
                    if (TRows.Value > 2)
                    {
                        var x = a + 2 * lda;
                        c22 = Vector512.FusedMultiplyAdd(v0, Vector512.Load(x), c22);
                        c22 = Vector512.FusedMultiplyAdd(v1, Vector512.Load(x + 16), c22);
                        c22 = Vector512.FusedMultiplyAdd(v2, Vector512.Load(x + 32), c22);
                        c22 = Vector512.FusedMultiplyAdd(v3, Vector512.Load(x + 48), c22);
                    }
                    if (TRows.Value > 3)
                    {
                        var x = a + 3 * lda;
                        c32 = Vector512.FusedMultiplyAdd(v0, Vector512.Load(x), c32);
                        c32 = Vector512.FusedMultiplyAdd(v1, Vector512.Load(x + 16), c32);
                        c32 = Vector512.FusedMultiplyAdd(v2, Vector512.Load(x + 32), c32);
                        c32 = Vector512.FusedMultiplyAdd(v3, Vector512.Load(x + 48), c32);
                    }
                    b2 += chunkBytes;
                }
                if (TColumns.Value > 3)
                {
                    Vector512<float> v0,
                        v1,
                        v2,
                        v3;
                    if (whole)
                        decoder.Decode(b3, out v0, out v1, out v2, out v3);
                    else
                        decoder.Decode(
                            Padded(b3, depth * TDecoder.ElementBytes, partial),
                            out v0,
                            out v1,
                            out v2,
                            out v3
                        );
                    if (TRows.Value > 0)
                    {
                        var x = a;
                        c03 = Vector512.FusedMultiplyAdd(v0, Vector512.Load(x), c03);
                        c03 = Vector512.FusedMultiplyAdd(v1, Vector512.Load(x + 16), c03);
                        c03 = Vector512.FusedMultiplyAdd(v2, Vector512.Load(x + 32), c03);
                        c03 = Vector512.FusedMultiplyAdd(v3, Vector512.Load(x + 48), c03);
                    }
                    if (TRows.Value > 1)
                    {
                        var x = a + lda;
                        c13 = Vector512.FusedMultiplyAdd(v0, Vector512.Load(x), c13);
                        c13 = Vector512.FusedMultiplyAdd(v1, Vector512.Load(x + 16), c13);
                        c13 = Vector512.FusedMultiplyAdd(v2, Vector512.Load(x + 32), c13);
                        c13 = Vector512.FusedMultiplyAdd(v3, Vector512.Load(x + 48), c13);
                    }
                    if (TRows.Value > 2)
                    {
                        var x = a + 2 * lda;
                        c23 = Vector512.FusedMultiplyAdd(v0, Vector512.Load(x), c23);
                        c23 = Vector512.FusedMultiplyAdd(v1, Vector512.Load(x + 16), c23);
                        c23 = Vector512.FusedMultiplyAdd(v2, Vector512.Load(x + 32), c23);
                        c23 = Vector512.FusedMultiplyAdd(v3, Vector512.Load(x + 48), c23);
                    }
                    if (TRows.Value > 3)
                    {
                        var x = a + 3 * lda;
                        c33 = Vector512.FusedMultiplyAdd(v0, Vector512.Load(x), c33);
                        c33 = Vector512.FusedMultiplyAdd(v1, Vector512.Load(x + 16), c33);
                        c33 = Vector512.FusedMultiplyAdd(v2, Vector512.Load(x + 32), c33);
                        c33 = Vector512.FusedMultiplyAdd(v3, Vector512.Load(x + 48), c33);
                    }
                    b3 += chunkBytes;
                }
                a += TileShape.StreamChunk;
            }
            if (TRows.Value > 0)
            {
                var x = scaleA[block];
                t00 = Vector512.FusedMultiplyAdd(Vector512.Create(x * scaleB[block]), c00, t00);
                if (TColumns.Value > 1)
                    t01 = Vector512.FusedMultiplyAdd(
                        Vector512.Create(x * scaleB[1 * ldsb + block]),
                        c01,
                        t01
                    );
                if (TColumns.Value > 2)
                    t02 = Vector512.FusedMultiplyAdd(
                        Vector512.Create(x * scaleB[2 * ldsb + block]),
                        c02,
                        t02
                    );
                if (TColumns.Value > 3)
                    t03 = Vector512.FusedMultiplyAdd(
                        Vector512.Create(x * scaleB[3 * ldsb + block]),
                        c03,
                        t03
                    );
            }
            if (TRows.Value > 1)
            {
                var x = scaleA[1 * blocks + block];
                t10 = Vector512.FusedMultiplyAdd(Vector512.Create(x * scaleB[block]), c10, t10);
                if (TColumns.Value > 1)
                    t11 = Vector512.FusedMultiplyAdd(
                        Vector512.Create(x * scaleB[1 * ldsb + block]),
                        c11,
                        t11
                    );
                if (TColumns.Value > 2)
                    t12 = Vector512.FusedMultiplyAdd(
                        Vector512.Create(x * scaleB[2 * ldsb + block]),
                        c12,
                        t12
                    );
                if (TColumns.Value > 3)
                    t13 = Vector512.FusedMultiplyAdd(
                        Vector512.Create(x * scaleB[3 * ldsb + block]),
                        c13,
                        t13
                    );
            }
            if (TRows.Value > 2)
            {
                var x = scaleA[2 * blocks + block];
                t20 = Vector512.FusedMultiplyAdd(Vector512.Create(x * scaleB[block]), c20, t20);
                if (TColumns.Value > 1)
                    t21 = Vector512.FusedMultiplyAdd(
                        Vector512.Create(x * scaleB[1 * ldsb + block]),
                        c21,
                        t21
                    );
                if (TColumns.Value > 2)
                    t22 = Vector512.FusedMultiplyAdd(
                        Vector512.Create(x * scaleB[2 * ldsb + block]),
                        c22,
                        t22
                    );
                if (TColumns.Value > 3)
                    t23 = Vector512.FusedMultiplyAdd(
                        Vector512.Create(x * scaleB[3 * ldsb + block]),
                        c23,
                        t23
                    );
            }
            if (TRows.Value > 3)
            {
                var x = scaleA[3 * blocks + block];
                t30 = Vector512.FusedMultiplyAdd(Vector512.Create(x * scaleB[block]), c30, t30);
                if (TColumns.Value > 1)
                    t31 = Vector512.FusedMultiplyAdd(
                        Vector512.Create(x * scaleB[1 * ldsb + block]),
                        c31,
                        t31
                    );
                if (TColumns.Value > 2)
                    t32 = Vector512.FusedMultiplyAdd(
                        Vector512.Create(x * scaleB[2 * ldsb + block]),
                        c32,
                        t32
                    );
                if (TColumns.Value > 3)
                    t33 = Vector512.FusedMultiplyAdd(
                        Vector512.Create(x * scaleB[3 * ldsb + block]),
                        c33,
                        t33
                    );
            }
        }
        if (TRows.Value > 0)
        {
            var result = p.Result + (nint)0 * p.LeadingResult + n;
            result[0] = Vector512.Sum(t00);
            if (TColumns.Value > 1)
                result[1] = Vector512.Sum(t01);
            if (TColumns.Value > 2)
                result[2] = Vector512.Sum(t02);
            if (TColumns.Value > 3)
                result[3] = Vector512.Sum(t03);
        }
        if (TRows.Value > 1)
        {
            var result = p.Result + (nint)1 * p.LeadingResult + n;
            result[0] = Vector512.Sum(t10);
            if (TColumns.Value > 1)
                result[1] = Vector512.Sum(t11);
            if (TColumns.Value > 2)
                result[2] = Vector512.Sum(t12);
            if (TColumns.Value > 3)
                result[3] = Vector512.Sum(t13);
        }
        if (TRows.Value > 2)
        {
            var result = p.Result + (nint)2 * p.LeadingResult + n;
            result[0] = Vector512.Sum(t20);
            if (TColumns.Value > 1)
                result[1] = Vector512.Sum(t21);
            if (TColumns.Value > 2)
                result[2] = Vector512.Sum(t22);
            if (TColumns.Value > 3)
                result[3] = Vector512.Sum(t23);
        }
        if (TRows.Value > 3)
        {
            var result = p.Result + (nint)3 * p.LeadingResult + n;
            result[0] = Vector512.Sum(t30);
            if (TColumns.Value > 1)
                result[1] = Vector512.Sum(t31);
            if (TColumns.Value > 2)
                result[2] = Vector512.Sum(t32);
            if (TColumns.Value > 3)
                result[3] = Vector512.Sum(t33);
        }
    }

    /// <summary>Copies the last, short chunk of a row so that it can be read as a whole one.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static byte* Padded(byte* source, int bytes, byte* target)
    {
        new Span<byte>(target, 2 * TileShape.StreamChunk).Clear();
        new ReadOnlySpan<byte>(source, bytes).CopyTo(new Span<byte>(target, bytes));
        return target;
    }
}
