// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Headlines.Gemm;

/// <summary>OpenBLAS's Float32 matrix-vector product.</summary>
internal static unsafe partial class OpenBlas
{
    private const string Library = "libopenblas.so.0";
    private const int RowMajor = 101;
    private const int NoTranspose = 111;

    /// <summary>True if the library loads.</summary>
    public static bool IsAvailable => NativeLibrary.TryLoad(Library, out _);

    /// <summary>y [rows] = A [rows, columns]·x.</summary>
    public static void MatrixVector(int rows, int columns, float* a, float* x, float* y) =>
        Gemv(RowMajor, NoTranspose, rows, columns, 1f, a, columns, x, 1, 0f, y, 1);

    [LibraryImport(Library, EntryPoint = "cblas_sgemv")]
    private static partial void Gemv(
        int order,
        int transpose,
        int rows,
        int columns,
        float alpha,
        float* a,
        int leading,
        float* x,
        int stepX,
        float beta,
        float* y,
        int stepY
    );
}
