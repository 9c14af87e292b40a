// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DeepInfra.Gemm.Cpu;

/// <summary>
/// The 12 x 32 micro-tile of AVX-512: 24 accumulators, two vectors of B and one broadcast of A fit the 32 registers.
/// </summary>
internal static unsafe class MicroKernel512
{
    public const int MaxRows = 12;
    public const int Columns = 32;

    public static void Run(
        int rows,
        bool rowPanel,
        float* a,
        float* b,
        int depth,
        float* tile,
        float* scaleA,
        float* scaleB,
        bool first
    )
    {
        if (rowPanel)
            Run<RowPanel>(rows, a, b, depth, tile, scaleA, scaleB, first);
        else
            Run<ColumnPanel>(rows, a, b, depth, tile, scaleA, scaleB, first);
    }

    private static void Run<TPanel>(
        int rows,
        float* a,
        float* b,
        int depth,
        float* tile,
        float* scaleA,
        float* scaleB,
        bool first
    )
        where TPanel : struct, IPanel
    {
        switch (rows)
        {
            case 1:
                Run<Count1, TPanel>(a, b, depth, tile, scaleA, scaleB, first);
                break;
            case 2:
                Run<Count2, TPanel>(a, b, depth, tile, scaleA, scaleB, first);
                break;
            case 3:
                Run<Count3, TPanel>(a, b, depth, tile, scaleA, scaleB, first);
                break;
            case 4:
                Run<Count4, TPanel>(a, b, depth, tile, scaleA, scaleB, first);
                break;
            case 5:
                Run<Count5, TPanel>(a, b, depth, tile, scaleA, scaleB, first);
                break;
            case 6:
                Run<Count6, TPanel>(a, b, depth, tile, scaleA, scaleB, first);
                break;
            case 7:
                Run<Count7, TPanel>(a, b, depth, tile, scaleA, scaleB, first);
                break;
            case 8:
                Run<Count8, TPanel>(a, b, depth, tile, scaleA, scaleB, first);
                break;
            case 9:
                Run<Count9, TPanel>(a, b, depth, tile, scaleA, scaleB, first);
                break;
            case 10:
                Run<Count10, TPanel>(a, b, depth, tile, scaleA, scaleB, first);
                break;
            case 11:
                Run<Count11, TPanel>(a, b, depth, tile, scaleA, scaleB, first);
                break;
            case 12:
                Run<Count12, TPanel>(a, b, depth, tile, scaleA, scaleB, first);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(rows));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run<TRows, TPanel>(
        float* a,
        float* b,
        int depth,
        float* tile,
        float* scaleA,
        float* scaleB,
        bool first
    )
        where TRows : struct, ICount
        where TPanel : struct, IPanel
    {
        Vector512<float> c0l = default,
            c0h = default,
            c1l = default,
            c1h = default,
            c2l = default,
            c2h = default,
            c3l = default,
            c3h = default,
            c4l = default,
            c4h = default,
            c5l = default,
            c5h = default,
            c6l = default,
            c6h = default,
            c7l = default,
            c7h = default,
            c8l = default,
            c8h = default,
            c9l = default,
            c9h = default,
            c10l = default,
            c10h = default,
            c11l = default,
            c11h = default;
        do
        {
            var bl = Vector512.Load(b);
            var bh = Vector512.Load(b + 16);
            if (TRows.Value > 0)
            {
                var x = Vector512.Create(a[0 * TPanel.RowStride]);
                c0l = Vector512.FusedMultiplyAdd(x, bl, c0l);
                c0h = Vector512.FusedMultiplyAdd(x, bh, c0h);
            }
            if (TRows.Value > 1)
            {
                var x = Vector512.Create(a[1 * TPanel.RowStride]);
                c1l = Vector512.FusedMultiplyAdd(x, bl, c1l);
                c1h = Vector512.FusedMultiplyAdd(x, bh, c1h);
            }
            if (TRows.Value > 2)
            {
                var x = Vector512.Create(a[2 * TPanel.RowStride]);
                c2l = Vector512.FusedMultiplyAdd(x, bl, c2l);
                c2h = Vector512.FusedMultiplyAdd(x, bh, c2h);
            }
            if (TRows.Value > 3)
            {
                var x = Vector512.Create(a[3 * TPanel.RowStride]);
                c3l = Vector512.FusedMultiplyAdd(x, bl, c3l);
                c3h = Vector512.FusedMultiplyAdd(x, bh, c3h);
            }
            if (TRows.Value > 4)
            {
                var x = Vector512.Create(a[4 * TPanel.RowStride]);
                c4l = Vector512.FusedMultiplyAdd(x, bl, c4l);
                c4h = Vector512.FusedMultiplyAdd(x, bh, c4h);
            }
            if (TRows.Value > 5)
            {
                var x = Vector512.Create(a[5 * TPanel.RowStride]);
                c5l = Vector512.FusedMultiplyAdd(x, bl, c5l);
                c5h = Vector512.FusedMultiplyAdd(x, bh, c5h);
            }
            if (TRows.Value > 6)
            {
                var x = Vector512.Create(a[6 * TPanel.RowStride]);
                c6l = Vector512.FusedMultiplyAdd(x, bl, c6l);
                c6h = Vector512.FusedMultiplyAdd(x, bh, c6h);
            }
            if (TRows.Value > 7)
            {
                var x = Vector512.Create(a[7 * TPanel.RowStride]);
                c7l = Vector512.FusedMultiplyAdd(x, bl, c7l);
                c7h = Vector512.FusedMultiplyAdd(x, bh, c7h);
            }
            if (TRows.Value > 8)
            {
                var x = Vector512.Create(a[8 * TPanel.RowStride]);
                c8l = Vector512.FusedMultiplyAdd(x, bl, c8l);
                c8h = Vector512.FusedMultiplyAdd(x, bh, c8h);
            }
            if (TRows.Value > 9)
            {
                var x = Vector512.Create(a[9 * TPanel.RowStride]);
                c9l = Vector512.FusedMultiplyAdd(x, bl, c9l);
                c9h = Vector512.FusedMultiplyAdd(x, bh, c9h);
            }
            if (TRows.Value > 10)
            {
                var x = Vector512.Create(a[10 * TPanel.RowStride]);
                c10l = Vector512.FusedMultiplyAdd(x, bl, c10l);
                c10h = Vector512.FusedMultiplyAdd(x, bh, c10h);
            }
            if (TRows.Value > 11)
            {
                var x = Vector512.Create(a[11 * TPanel.RowStride]);
                c11l = Vector512.FusedMultiplyAdd(x, bl, c11l);
                c11h = Vector512.FusedMultiplyAdd(x, bh, c11h);
            }
            a += TPanel.DepthStride;
            b += Columns;
        } while (--depth != 0);

        var sl = Vector512.Load(scaleB);
        var sh = Vector512.Load(scaleB + 16);
        if (TRows.Value > 0)
            Add(tile + 0 * Columns, scaleA[0], sl, sh, c0l, c0h, first);
        if (TRows.Value > 1)
            Add(tile + 1 * Columns, scaleA[1], sl, sh, c1l, c1h, first);
        if (TRows.Value > 2)
            Add(tile + 2 * Columns, scaleA[2], sl, sh, c2l, c2h, first);
        if (TRows.Value > 3)
            Add(tile + 3 * Columns, scaleA[3], sl, sh, c3l, c3h, first);
        if (TRows.Value > 4)
            Add(tile + 4 * Columns, scaleA[4], sl, sh, c4l, c4h, first);
        if (TRows.Value > 5)
            Add(tile + 5 * Columns, scaleA[5], sl, sh, c5l, c5h, first);
        if (TRows.Value > 6)
            Add(tile + 6 * Columns, scaleA[6], sl, sh, c6l, c6h, first);
        if (TRows.Value > 7)
            Add(tile + 7 * Columns, scaleA[7], sl, sh, c7l, c7h, first);
        if (TRows.Value > 8)
            Add(tile + 8 * Columns, scaleA[8], sl, sh, c8l, c8h, first);
        if (TRows.Value > 9)
            Add(tile + 9 * Columns, scaleA[9], sl, sh, c9l, c9h, first);
        if (TRows.Value > 10)
            Add(tile + 10 * Columns, scaleA[10], sl, sh, c10l, c10h, first);
        if (TRows.Value > 11)
            Add(tile + 11 * Columns, scaleA[11], sl, sh, c11l, c11h, first);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(
        float* tile,
        float scaleA,
        Vector512<float> scaleLow,
        Vector512<float> scaleHigh,
        Vector512<float> low,
        Vector512<float> high,
        bool first
    )
    {
        var x = Vector512.Create(scaleA);
        scaleLow *= x;
        scaleHigh *= x;
        if (first)
        {
            (scaleLow * low).Store(tile);
            (scaleHigh * high).Store(tile + 16);
            return;
        }
        Vector512.FusedMultiplyAdd(scaleLow, low, Vector512.Load(tile)).Store(tile);
        Vector512.FusedMultiplyAdd(scaleHigh, high, Vector512.Load(tile + 16)).Store(tile + 16);
    }
}
