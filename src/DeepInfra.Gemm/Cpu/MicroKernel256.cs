// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DeepInfra.Gemm.Cpu;

/// <summary>
/// The 6 x 16 micro-tile of AVX2: 12 accumulators, two vectors of B and one broadcast of A fit the 16 registers.
/// </summary>
internal static unsafe class MicroKernel256
{
    public const int MaxRows = 6;
    public const int Columns = 16;

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
        Vector256<float> c0l = default,
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
            c5h = default;
        do
        {
            var bl = Vector256.Load(b);
            var bh = Vector256.Load(b + 8);
            if (TRows.Value > 0)
            {
                var x = Vector256.Create(a[0 * TPanel.RowStride]);
                c0l = Vector256.MultiplyAddEstimate(x, bl, c0l);
                c0h = Vector256.MultiplyAddEstimate(x, bh, c0h);
            }
            if (TRows.Value > 1)
            {
                var x = Vector256.Create(a[1 * TPanel.RowStride]);
                c1l = Vector256.MultiplyAddEstimate(x, bl, c1l);
                c1h = Vector256.MultiplyAddEstimate(x, bh, c1h);
            }
            if (TRows.Value > 2)
            {
                var x = Vector256.Create(a[2 * TPanel.RowStride]);
                c2l = Vector256.MultiplyAddEstimate(x, bl, c2l);
                c2h = Vector256.MultiplyAddEstimate(x, bh, c2h);
            }
            if (TRows.Value > 3)
            {
                var x = Vector256.Create(a[3 * TPanel.RowStride]);
                c3l = Vector256.MultiplyAddEstimate(x, bl, c3l);
                c3h = Vector256.MultiplyAddEstimate(x, bh, c3h);
            }
            if (TRows.Value > 4)
            {
                var x = Vector256.Create(a[4 * TPanel.RowStride]);
                c4l = Vector256.MultiplyAddEstimate(x, bl, c4l);
                c4h = Vector256.MultiplyAddEstimate(x, bh, c4h);
            }
            if (TRows.Value > 5)
            {
                var x = Vector256.Create(a[5 * TPanel.RowStride]);
                c5l = Vector256.MultiplyAddEstimate(x, bl, c5l);
                c5h = Vector256.MultiplyAddEstimate(x, bh, c5h);
            }
            a += TPanel.DepthStride;
            b += Columns;
        } while (--depth != 0);

        var sl = Vector256.Load(scaleB);
        var sh = Vector256.Load(scaleB + 8);
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
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(
        float* tile,
        float scaleA,
        Vector256<float> scaleLow,
        Vector256<float> scaleHigh,
        Vector256<float> low,
        Vector256<float> high,
        bool first
    )
    {
        var x = Vector256.Create(scaleA);
        scaleLow *= x;
        scaleHigh *= x;
        if (first)
        {
            (scaleLow * low).Store(tile);
            (scaleHigh * high).Store(tile + 8);
            return;
        }
        Vector256.MultiplyAddEstimate(scaleLow, low, Vector256.Load(tile)).Store(tile);
        Vector256.MultiplyAddEstimate(scaleHigh, high, Vector256.Load(tile + 8)).Store(tile + 8);
    }
}
