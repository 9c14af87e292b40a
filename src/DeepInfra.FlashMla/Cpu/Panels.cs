// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>Packs rows as the transposed B operand of <see cref="MatrixKernels{TSimd,TVector}"/>.</summary>
internal static unsafe class Panels
{
    private const int PanelColumns = 32;

    /// <summary>
    /// Writes element (row j, column d) to <c>panel[j / 32][d][j % 32]</c>: panels of 32 rows whose columns are
    /// consecutive, <c>32·columns</c> floats apart.
    /// </summary>
    /// <param name="source">Rows.</param>
    /// <param name="stride">Step between rows.</param>
    /// <param name="rows">Rows, a multiple of 32.</param>
    /// <param name="columns">Columns, a multiple of 8.</param>
    /// <param name="panels">Receives rows · columns floats.</param>
    /// <param name="lanes">Vector width that the caller's tier allows.</param>
    public static void Transpose(
        float* source,
        int stride,
        int rows,
        int columns,
        float* panels,
        int lanes
    )
    {
        for (var first = 0; first < rows; first += PanelColumns)
        {
            var panel = panels + (long)first * columns;
            var block = source + (long)first * stride;
            if (lanes >= 8 && Avx.IsSupported)
                for (var j = 0; j < PanelColumns; j += 8)
                    TransposeEight(block + (long)j * stride, stride, columns, panel + j);
            else
                for (var j = 0; j < PanelColumns; j++)
                for (var d = 0; d < columns; d++)
                    panel[PanelColumns * d + j] = block[(long)j * stride + d];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransposeEight(float* source, long stride, int columns, float* target)
    {
        for (var d = 0; d < columns; d += 8)
        {
            var s = source + d;
            var r0 = Vector256.Load(s);
            var r1 = Vector256.Load(s + stride);
            var r2 = Vector256.Load(s + 2 * stride);
            var r3 = Vector256.Load(s + 3 * stride);
            s += 4 * stride;
            var r4 = Vector256.Load(s);
            var r5 = Vector256.Load(s + stride);
            var r6 = Vector256.Load(s + 2 * stride);
            var r7 = Vector256.Load(s + 3 * stride);
            var a0 = Avx.UnpackLow(r0, r1).AsDouble();
            var a1 = Avx.UnpackHigh(r0, r1).AsDouble();
            var a2 = Avx.UnpackLow(r2, r3).AsDouble();
            var a3 = Avx.UnpackHigh(r2, r3).AsDouble();
            var a4 = Avx.UnpackLow(r4, r5).AsDouble();
            var a5 = Avx.UnpackHigh(r4, r5).AsDouble();
            var a6 = Avx.UnpackLow(r6, r7).AsDouble();
            var a7 = Avx.UnpackHigh(r6, r7).AsDouble();
            var t = target + (long)PanelColumns * d;
            StoreHalves(Avx.UnpackLow(a0, a2), Avx.UnpackLow(a4, a6), t);
            StoreHalves(Avx.UnpackHigh(a0, a2), Avx.UnpackHigh(a4, a6), t + PanelColumns);
            StoreHalves(Avx.UnpackLow(a1, a3), Avx.UnpackLow(a5, a7), t + 2 * PanelColumns);
            StoreHalves(Avx.UnpackHigh(a1, a3), Avx.UnpackHigh(a5, a7), t + 3 * PanelColumns);
        }
    }

    /// <summary>Lower halves are a column, upper halves the column four further on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreHalves(Vector256<double> low, Vector256<double> high, float* target)
    {
        Avx.Permute2x128(low, high, 0x20).AsSingle().Store(target);
        Avx.Permute2x128(low, high, 0x31).AsSingle().Store(target + 4 * PanelColumns);
    }
}
