// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>
/// Register-blocked float32 products of the prefill kernels: C (+)= A·B with lanes along the columns of B and elements of
/// A broadcast. A has any two strides, so a transposed A costs nothing. Every sum runs over k in ascending order.
/// </summary>
internal static unsafe class MatrixKernels<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    /// <summary>Columns of a packed panel; B is read panel by panel so that a panel stays in the first-level cache.</summary>
    public const int PanelColumns = 32;

    /// <summary>C[m,n] (+)= A[m,k]·B[k,n].</summary>
    /// <param name="a">A.</param>
    /// <param name="aRow">Step between rows of A.</param>
    /// <param name="aColumn">Step between columns of A.</param>
    /// <param name="b">B: its 32-column panels lie <paramref name="bPanel"/> apart, rows of a panel <paramref name="bRow"/>.</param>
    /// <param name="bRow">Step between rows of B.</param>
    /// <param name="bPanel">Step between panels of B.</param>
    /// <param name="c">C, row-major.</param>
    /// <param name="cRow">Step between rows of C.</param>
    /// <param name="m">Rows, a multiple of 4.</param>
    /// <param name="n">Columns, a multiple of 32.</param>
    /// <param name="k">Terms, at least 0.</param>
    /// <param name="accumulate">False overwrites C.</param>
    public static void Multiply(
        float* a,
        int aRow,
        int aColumn,
        float* b,
        int bRow,
        long bPanel,
        float* c,
        int cRow,
        int m,
        int n,
        int k,
        bool accumulate
    )
    {
        var step = 2 * TSimd.Count;
        for (var panel = 0; panel < n; panel += PanelColumns, b += bPanel)
        for (var column = 0; column < PanelColumns; column += step)
        {
            var target = c + panel + column;
            var row = 0;
            if (TSimd.Count == 16)
                for (; row <= m - 8; row += 8)
                    Kernel8x2(
                        a + (long)row * aRow,
                        aRow,
                        aColumn,
                        b + column,
                        bRow,
                        target + (long)row * cRow,
                        cRow,
                        k,
                        accumulate
                    );
            for (; row < m; row += 4)
                Kernel4x2(
                    a + (long)row * aRow,
                    aRow,
                    aColumn,
                    b + column,
                    bRow,
                    target + (long)row * cRow,
                    cRow,
                    k,
                    accumulate
                );
        }
    }

    /// <summary>C[n] += factor·B[n]: one term of one row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddRow(float factor, float* b, float* c, int n)
    {
        var f = TSimd.Broadcast(factor);
        for (var i = 0; i < n; i += TSimd.Count)
            TSimd.Store(TSimd.Fma(f, TSimd.Load(b + i), TSimd.Load(c + i)), c + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Kernel8x2(
        float* a,
        long aRow,
        long aColumn,
        float* b,
        long bRow,
        float* c,
        long cRow,
        int k,
        bool accumulate
    )
    {
        var w = TSimd.Count;
        TVector c00 = TSimd.Zero,
            c01 = c00,
            c10 = c00,
            c11 = c00;
        TVector c20 = c00,
            c21 = c00,
            c30 = c00,
            c31 = c00;
        TVector c40 = c00,
            c41 = c00,
            c50 = c00,
            c51 = c00;
        TVector c60 = c00,
            c61 = c00,
            c70 = c00,
            c71 = c00;
        var a4 = a + 4 * aRow;
        for (var i = 0; i < k; i++)
        {
            var b0 = TSimd.Load(b);
            var b1 = TSimd.Load(b + w);
            var x = TSimd.Broadcast(a[0]);
            c00 = TSimd.Fma(x, b0, c00);
            c01 = TSimd.Fma(x, b1, c01);
            x = TSimd.Broadcast(a[aRow]);
            c10 = TSimd.Fma(x, b0, c10);
            c11 = TSimd.Fma(x, b1, c11);
            x = TSimd.Broadcast(a[2 * aRow]);
            c20 = TSimd.Fma(x, b0, c20);
            c21 = TSimd.Fma(x, b1, c21);
            x = TSimd.Broadcast(a[3 * aRow]);
            c30 = TSimd.Fma(x, b0, c30);
            c31 = TSimd.Fma(x, b1, c31);
            x = TSimd.Broadcast(a4[0]);
            c40 = TSimd.Fma(x, b0, c40);
            c41 = TSimd.Fma(x, b1, c41);
            x = TSimd.Broadcast(a4[aRow]);
            c50 = TSimd.Fma(x, b0, c50);
            c51 = TSimd.Fma(x, b1, c51);
            x = TSimd.Broadcast(a4[2 * aRow]);
            c60 = TSimd.Fma(x, b0, c60);
            c61 = TSimd.Fma(x, b1, c61);
            x = TSimd.Broadcast(a4[3 * aRow]);
            c70 = TSimd.Fma(x, b0, c70);
            c71 = TSimd.Fma(x, b1, c71);
            a += aColumn;
            a4 += aColumn;
            b += bRow;
        }
        Finish(c00, c01, c, accumulate);
        Finish(c10, c11, c + cRow, accumulate);
        Finish(c20, c21, c + 2 * cRow, accumulate);
        Finish(c30, c31, c + 3 * cRow, accumulate);
        Finish(c40, c41, c + 4 * cRow, accumulate);
        Finish(c50, c51, c + 5 * cRow, accumulate);
        Finish(c60, c61, c + 6 * cRow, accumulate);
        Finish(c70, c71, c + 7 * cRow, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Kernel4x2(
        float* a,
        long aRow,
        long aColumn,
        float* b,
        long bRow,
        float* c,
        long cRow,
        int k,
        bool accumulate
    )
    {
        var w = TSimd.Count;
        TVector c00 = TSimd.Zero,
            c01 = c00,
            c10 = c00,
            c11 = c00;
        TVector c20 = c00,
            c21 = c00,
            c30 = c00,
            c31 = c00;
        for (var i = 0; i < k; i++)
        {
            var b0 = TSimd.Load(b);
            var b1 = TSimd.Load(b + w);
            var x = TSimd.Broadcast(a[0]);
            c00 = TSimd.Fma(x, b0, c00);
            c01 = TSimd.Fma(x, b1, c01);
            x = TSimd.Broadcast(a[aRow]);
            c10 = TSimd.Fma(x, b0, c10);
            c11 = TSimd.Fma(x, b1, c11);
            x = TSimd.Broadcast(a[2 * aRow]);
            c20 = TSimd.Fma(x, b0, c20);
            c21 = TSimd.Fma(x, b1, c21);
            x = TSimd.Broadcast(a[3 * aRow]);
            c30 = TSimd.Fma(x, b0, c30);
            c31 = TSimd.Fma(x, b1, c31);
            a += aColumn;
            b += bRow;
        }
        Finish(c00, c01, c, accumulate);
        Finish(c10, c11, c + cRow, accumulate);
        Finish(c20, c21, c + 2 * cRow, accumulate);
        Finish(c30, c31, c + 3 * cRow, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(TVector v0, TVector v1, float* c, bool accumulate)
    {
        if (accumulate)
        {
            v0 = TSimd.Add(v0, TSimd.Load(c));
            v1 = TSimd.Add(v1, TSimd.Load(c + TSimd.Count));
        }
        TSimd.Store(v0, c);
        TSimd.Store(v1, c + TSimd.Count);
    }
}
