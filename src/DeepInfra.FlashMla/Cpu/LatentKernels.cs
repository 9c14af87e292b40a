// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>
/// The two products of latent attention on a tile of key rows given by pointers, for groups of four query rows.
/// Scores are dot products (lanes along the key row), so rows need no transposing and no copy; the output
/// product keeps accumulators of a column block in registers while it walks over the tokens.
/// </summary>
internal static unsafe class LatentKernels<TSimd, TVector, TRows>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
    where TRows : struct, IKeyRows<TSimd, TVector>
{
    /// <summary>Query rows of a group.</summary>
    public const int GroupRows = 4;

    /// <summary>Tokens of a tile, the row stride of the score matrix.</summary>
    public const int TileTokens = 64;

    /// <summary>scores[row][token] = q[row]·k[token] for four rows and <paramref name="tokens"/> tokens (a multiple of 4).</summary>
    public static void Scores(
        float* q,
        int queryStride,
        byte** keys,
        int tokens,
        int columns,
        float* scores,
        in Lookahead lookahead
    )
    {
        for (var t = 0; t < tokens; t += 4)
            if (TSimd.Count != 16)
                Scores2x4(q, queryStride, keys + t, columns, scores + t);
            else if (lookahead.Covers(t / 4))
                Scores4x4<On>(
                    q,
                    queryStride,
                    keys + t,
                    lookahead.Next + t / 2,
                    columns,
                    scores + t
                );
            else
                Scores4x4<Off>(q, queryStride, keys + t, null, columns, scores + t);
    }

    /// <summary>output[row][column] += Σ probabilities[row][token]·v[token][column] for four rows.</summary>
    public static void Accumulate(
        float* probabilities,
        byte** values,
        int tokens,
        float* output,
        int outputStride,
        int columns,
        in Lookahead lookahead
    )
    {
        var step = 2 * TSimd.Count;
        var column = 0;
        if (TSimd.Count == 16)
            for (; column <= columns - 2 * step; column += 2 * step)
                if (lookahead.Covers(column / (2 * step)))
                    Accumulate4x4<On>(
                        probabilities,
                        values,
                        lookahead.Next + TileTokens / 2 + column / (2 * step) * 4,
                        tokens,
                        output,
                        outputStride,
                        column
                    );
                else
                    Accumulate4x4<Off>(
                        probabilities,
                        values,
                        null,
                        tokens,
                        output,
                        outputStride,
                        column
                    );
        for (; column < columns; column += step)
            Accumulate4x2(probabilities, values, tokens, output, outputStride, column);
    }

    /// <summary>output[column] += probability·v[column] for one row.</summary>
    public static void AccumulateRow(float probability, byte* value, float* output, int columns)
    {
        var p = TSimd.Broadcast(probability);
        for (var column = 0; column < columns; column += 2 * TSimd.Count)
        {
            TRows.LoadPair(value, column, out var first, out var second);
            var o = output + column;
            TSimd.Store(TSimd.Fma(p, first, TSimd.Load(o)), o);
            o += TSimd.Count;
            TSimd.Store(TSimd.Fma(p, second, TSimd.Load(o)), o);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scores4x4<TPrefetch>(
        float* q,
        int queryStride,
        byte** keys,
        byte** next,
        int columns,
        float* scores
    )
        where TPrefetch : struct, ISwitch
    {
        var k0 = keys[0];
        var k1 = keys[1];
        var k2 = keys[2];
        var k3 = keys[3];
        var q0 = q;
        var q1 = q0 + queryStride;
        var q2 = q1 + queryStride;
        var q3 = q2 + queryStride;
        TVector a00 = TSimd.Zero,
            a01 = a00,
            a02 = a00,
            a03 = a00;
        TVector a10 = a00,
            a11 = a00,
            a12 = a00,
            a13 = a00;
        TVector a20 = a00,
            a21 = a00,
            a22 = a00,
            a23 = a00;
        TVector a30 = a00,
            a31 = a00,
            a32 = a00,
            a33 = a00;
        var n0 = TPrefetch.IsOn ? next[0] : null;
        var n1 = TPrefetch.IsOn ? next[1] : null;
        for (var c = 0; c < columns; c += 2 * TSimd.Count)
        {
            // Half of the next rows here, the other half in the output product: requests to memory stay evenly spread.
            if (TPrefetch.IsOn)
            {
                TSimd.Prefetch(n0 + (long)c * TRows.ElementBytes);
                TSimd.Prefetch(n1 + (long)c * TRows.ElementBytes);
            }
            TRows.LoadPair(k0, c, out var e0, out var o0);
            TRows.LoadPair(k1, c, out var e1, out var o1);
            TRows.LoadPair(k2, c, out var e2, out var o2);
            TRows.LoadPair(k3, c, out var e3, out var o3);
            var r = TSimd.Load(q0 + c);
            a00 = TSimd.Fma(r, e0, a00);
            a01 = TSimd.Fma(r, e1, a01);
            a02 = TSimd.Fma(r, e2, a02);
            a03 = TSimd.Fma(r, e3, a03);
            r = TSimd.Load(q1 + c);
            a10 = TSimd.Fma(r, e0, a10);
            a11 = TSimd.Fma(r, e1, a11);
            a12 = TSimd.Fma(r, e2, a12);
            a13 = TSimd.Fma(r, e3, a13);
            r = TSimd.Load(q2 + c);
            a20 = TSimd.Fma(r, e0, a20);
            a21 = TSimd.Fma(r, e1, a21);
            a22 = TSimd.Fma(r, e2, a22);
            a23 = TSimd.Fma(r, e3, a23);
            r = TSimd.Load(q3 + c);
            a30 = TSimd.Fma(r, e0, a30);
            a31 = TSimd.Fma(r, e1, a31);
            a32 = TSimd.Fma(r, e2, a32);
            a33 = TSimd.Fma(r, e3, a33);
            r = TSimd.Load(q0 + c + TSimd.Count);
            a00 = TSimd.Fma(r, o0, a00);
            a01 = TSimd.Fma(r, o1, a01);
            a02 = TSimd.Fma(r, o2, a02);
            a03 = TSimd.Fma(r, o3, a03);
            r = TSimd.Load(q1 + c + TSimd.Count);
            a10 = TSimd.Fma(r, o0, a10);
            a11 = TSimd.Fma(r, o1, a11);
            a12 = TSimd.Fma(r, o2, a12);
            a13 = TSimd.Fma(r, o3, a13);
            r = TSimd.Load(q2 + c + TSimd.Count);
            a20 = TSimd.Fma(r, o0, a20);
            a21 = TSimd.Fma(r, o1, a21);
            a22 = TSimd.Fma(r, o2, a22);
            a23 = TSimd.Fma(r, o3, a23);
            r = TSimd.Load(q3 + c + TSimd.Count);
            a30 = TSimd.Fma(r, o0, a30);
            a31 = TSimd.Fma(r, o1, a31);
            a32 = TSimd.Fma(r, o2, a32);
            a33 = TSimd.Fma(r, o3, a33);
        }
        if (TPrefetch.IsOn)
        {
            TSimd.Prefetch(next[32] + 1024);
            TSimd.Prefetch(next[32] + 1088);
            TSimd.Prefetch(next[33] + 1024);
            TSimd.Prefetch(next[33] + 1088);
        }
        TSimd.StoreSums(
            new SimdRow<TVector>(a00, a01, a02, a03),
            new SimdRow<TVector>(a10, a11, a12, a13),
            new SimdRow<TVector>(a20, a21, a22, a23),
            new SimdRow<TVector>(a30, a31, a32, a33),
            scores,
            TileTokens
        );
    }

    /// <summary>Eight accumulators for tiers with 16 registers: two rows at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scores2x4(
        float* q,
        int queryStride,
        byte** keys,
        int columns,
        float* scores
    )
    {
        var k0 = keys[0];
        var k1 = keys[1];
        var k2 = keys[2];
        var k3 = keys[3];
        for (var row = 0; row < GroupRows; row += 2)
        {
            var q0 = q + row * queryStride;
            var q1 = q0 + queryStride;
            TVector a00 = TSimd.Zero,
                a01 = a00,
                a02 = a00,
                a03 = a00;
            TVector a10 = a00,
                a11 = a00,
                a12 = a00,
                a13 = a00;
            for (var c = 0; c < columns; c += 2 * TSimd.Count)
            {
                var even0 = TSimd.Load(q0 + c);
                var even1 = TSimd.Load(q1 + c);
                var odd0 = TSimd.Load(q0 + c + TSimd.Count);
                var odd1 = TSimd.Load(q1 + c + TSimd.Count);
                TRows.LoadPair(k0, c, out var e, out var o);
                a00 = TSimd.Fma(odd0, o, TSimd.Fma(even0, e, a00));
                a10 = TSimd.Fma(odd1, o, TSimd.Fma(even1, e, a10));
                TRows.LoadPair(k1, c, out e, out o);
                a01 = TSimd.Fma(odd0, o, TSimd.Fma(even0, e, a01));
                a11 = TSimd.Fma(odd1, o, TSimd.Fma(even1, e, a11));
                TRows.LoadPair(k2, c, out e, out o);
                a02 = TSimd.Fma(odd0, o, TSimd.Fma(even0, e, a02));
                a12 = TSimd.Fma(odd1, o, TSimd.Fma(even1, e, a12));
                TRows.LoadPair(k3, c, out e, out o);
                a03 = TSimd.Fma(odd0, o, TSimd.Fma(even0, e, a03));
                a13 = TSimd.Fma(odd1, o, TSimd.Fma(even1, e, a13));
            }
            TSimd.Sum4(a00, a01, a02, a03).Store(scores + row * TileTokens);
            TSimd.Sum4(a10, a11, a12, a13).Store(scores + (row + 1) * TileTokens);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Accumulate4x4<TPrefetch>(
        float* p,
        byte** values,
        byte** next,
        int tokens,
        float* output,
        int outputStride,
        int column
    )
        where TPrefetch : struct, ISwitch
    {
        var o0 = output + column;
        var o1 = o0 + outputStride;
        var o2 = o1 + outputStride;
        var o3 = o2 + outputStride;
        var n = TSimd.Count;
        var a00 = TSimd.Load(o0);
        var a01 = TSimd.Load(o0 + n);
        var a02 = TSimd.Load(o0 + 2 * n);
        var a03 = TSimd.Load(o0 + 3 * n);
        var a10 = TSimd.Load(o1);
        var a11 = TSimd.Load(o1 + n);
        var a12 = TSimd.Load(o1 + 2 * n);
        var a13 = TSimd.Load(o1 + 3 * n);
        var a20 = TSimd.Load(o2);
        var a21 = TSimd.Load(o2 + n);
        var a22 = TSimd.Load(o2 + 2 * n);
        var a23 = TSimd.Load(o2 + 3 * n);
        var a30 = TSimd.Load(o3);
        var a31 = TSimd.Load(o3 + n);
        var a32 = TSimd.Load(o3 + 2 * n);
        var a33 = TSimd.Load(o3 + 3 * n);
        for (var t = 0; t < tokens; t++)
        {
            var row = values[t];
            if (TPrefetch.IsOn)
                TSimd.Prefetch(next[t >> 4] + ((t & 15) << 6));
            TRows.LoadPair(row, column, out var v0, out var v1);
            TRows.LoadPair(row, column + 2 * n, out var v2, out var v3);
            var w = TSimd.Broadcast(p[t]);
            a00 = TSimd.Fma(w, v0, a00);
            a01 = TSimd.Fma(w, v1, a01);
            a02 = TSimd.Fma(w, v2, a02);
            a03 = TSimd.Fma(w, v3, a03);
            w = TSimd.Broadcast(p[t + TileTokens]);
            a10 = TSimd.Fma(w, v0, a10);
            a11 = TSimd.Fma(w, v1, a11);
            a12 = TSimd.Fma(w, v2, a12);
            a13 = TSimd.Fma(w, v3, a13);
            w = TSimd.Broadcast(p[t + 2 * TileTokens]);
            a20 = TSimd.Fma(w, v0, a20);
            a21 = TSimd.Fma(w, v1, a21);
            a22 = TSimd.Fma(w, v2, a22);
            a23 = TSimd.Fma(w, v3, a23);
            w = TSimd.Broadcast(p[t + 3 * TileTokens]);
            a30 = TSimd.Fma(w, v0, a30);
            a31 = TSimd.Fma(w, v1, a31);
            a32 = TSimd.Fma(w, v2, a32);
            a33 = TSimd.Fma(w, v3, a33);
        }
        TSimd.Store(a00, o0);
        TSimd.Store(a01, o0 + n);
        TSimd.Store(a02, o0 + 2 * n);
        TSimd.Store(a03, o0 + 3 * n);
        TSimd.Store(a10, o1);
        TSimd.Store(a11, o1 + n);
        TSimd.Store(a12, o1 + 2 * n);
        TSimd.Store(a13, o1 + 3 * n);
        TSimd.Store(a20, o2);
        TSimd.Store(a21, o2 + n);
        TSimd.Store(a22, o2 + 2 * n);
        TSimd.Store(a23, o2 + 3 * n);
        TSimd.Store(a30, o3);
        TSimd.Store(a31, o3 + n);
        TSimd.Store(a32, o3 + 2 * n);
        TSimd.Store(a33, o3 + 3 * n);
    }

    /// <summary>Eight accumulators for tiers with 16 registers, and the last columns of the widest tier.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Accumulate4x2(
        float* p,
        byte** values,
        int tokens,
        float* output,
        int outputStride,
        int column
    )
    {
        var o0 = output + column;
        var o1 = o0 + outputStride;
        var o2 = o1 + outputStride;
        var o3 = o2 + outputStride;
        var n = TSimd.Count;
        var a00 = TSimd.Load(o0);
        var a01 = TSimd.Load(o0 + n);
        var a10 = TSimd.Load(o1);
        var a11 = TSimd.Load(o1 + n);
        var a20 = TSimd.Load(o2);
        var a21 = TSimd.Load(o2 + n);
        var a30 = TSimd.Load(o3);
        var a31 = TSimd.Load(o3 + n);
        for (var t = 0; t < tokens; t++)
        {
            TRows.LoadPair(values[t], column, out var v0, out var v1);
            var w = TSimd.Broadcast(p[t]);
            a00 = TSimd.Fma(w, v0, a00);
            a01 = TSimd.Fma(w, v1, a01);
            w = TSimd.Broadcast(p[t + TileTokens]);
            a10 = TSimd.Fma(w, v0, a10);
            a11 = TSimd.Fma(w, v1, a11);
            w = TSimd.Broadcast(p[t + 2 * TileTokens]);
            a20 = TSimd.Fma(w, v0, a20);
            a21 = TSimd.Fma(w, v1, a21);
            w = TSimd.Broadcast(p[t + 3 * TileTokens]);
            a30 = TSimd.Fma(w, v0, a30);
            a31 = TSimd.Fma(w, v1, a31);
        }
        TSimd.Store(a00, o0);
        TSimd.Store(a01, o0 + n);
        TSimd.Store(a10, o1);
        TSimd.Store(a11, o1 + n);
        TSimd.Store(a20, o2);
        TSimd.Store(a21, o2 + n);
        TSimd.Store(a30, o3);
        TSimd.Store(a31, o3 + n);
    }
}
