// SPDX-License-Identifier: MIT
using System.Runtime.Intrinsics.X86;
using DeepInfra.Gemm.Interop;
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Gemm.Cpu;

/// <summary>
/// Panels of BFloat16 pairs along K, multiplied by the native library with the dot products of AVX512-BF16, which have twice the
/// peak of binary32 multiply-adds. Packing and the product of a few rows, which is bound by memory, stay managed.
/// </summary>
internal readonly unsafe struct PairPanels : IPanelKernel
{
    public const int Columns = 32;

    /// <summary>True if this processor runs the managed part.</summary>
    public static bool IsPackingSupported => Avx512Vbmi.IsSupported;

    public static int MaxRows => 14;
    static int IPanelKernel.Columns => Columns;
    public static int ElementBytes => sizeof(ushort);
    public static bool CanStream => true;

    public static void PackRows(
        ElementKind kind,
        byte* source,
        long leadingBytes,
        int rows,
        int depth,
        byte* target
    )
    {
        if (kind == ElementKind.BFloat16)
            PairPacking512.BFloat16Rows(source, leadingBytes, rows, depth, (ushort*)target);
        else
            PairPacking512.Fp8Rows(source, leadingBytes, rows, depth, (ushort*)target);
    }

    public static void PackColumns(
        ElementKind kind,
        byte* source,
        long leadingBytes,
        int width,
        int depth,
        byte* target,
        int stride,
        byte* stage
    )
    {
        var elementBytes = kind == ElementKind.BFloat16 ? 2 : 1;
        var whole = TileShape.WholeRuns(width, stride, depth, leadingBytes, elementBytes) & ~3;
        var to = (uint*)target;
        Pack(source, leadingBytes, whole);
        if (whole == depth)
            return;
        // The rest goes through a copy that ends with zeros.
        var rowBytes = stride * elementBytes;
        var left = depth - whole;
        var padded = (left + 3) & ~3;
        new Span<byte>(stage, padded * rowBytes).Clear();
        for (var k = 0; k < left; k++)
            new ReadOnlySpan<byte>(
                source + (whole + k) * leadingBytes,
                width * elementBytes
            ).CopyTo(new Span<byte>(stage + k * rowBytes, rowBytes));
        to += whole / 2 * stride;
        Pack(stage, rowBytes, padded);

        void Pack(byte* from, long leading, int count)
        {
            if (kind == ElementKind.BFloat16)
                PairPacking512.BFloat16Columns(from, leading, count, to, stride);
            else if (stride == TileShape.ColumnPanelStride)
                PairPacking512.Fp8Columns16(from, leading, count, to);
            else
                PairPacking512.Fp8Columns32(from, leading, count, to);
        }
    }

    public static void PackTransposed(
        ElementKind kind,
        byte* source,
        long leadingBytes,
        int rows,
        int depth,
        byte* target,
        byte* stage
    )
    {
        var elementBytes = kind == ElementKind.BFloat16 ? 2 : 1;
        var chunk = Transpose512.ChunkBytes / elementBytes;
        for (var k = 0; k < depth; k += chunk)
        for (var column = 0; column < rows; column += 16)
        {
            var valid = Math.Min(16, rows - column);
            var bytes = Math.Min(chunk, depth - k) * elementBytes;
            var from = source + column * leadingBytes + k * elementBytes;
            var leading = leadingBytes;
            if (valid < 16 || bytes < Transpose512.ChunkBytes)
            {
                from = Transpose512.CopyChunk(from, leading, valid, bytes, stage);
                leading = Transpose512.ChunkBytes;
            }
            var to = (uint*)target + k / 2 * Columns + column;
            if (kind == ElementKind.BFloat16)
                Transpose512.BFloat16Pairs(from, leading, to, Columns);
            else
                Transpose512.Fp8Pairs(from, leading, to, Columns);
        }
    }

    public static void Multiply(in PanelProduct product)
    {
        var parameters = new NativeGemmCpuBf16Params
        {
            StructSize = (uint)sizeof(NativeGemmCpuBf16Params),
            Rows = product.Rows,
            RowPanels = product.RowPanels,
            RowMajor = product.RowMajor ? 1u : 0,
            Depth = product.Depth,
            Step = product.Step,
            ScaleStrideA = TileShape.MaxTaskRows,
            ScaleStrideB = product.ScaleColumns,
            Overwrite = product.First ? 1u : 0,
        };
        GemmCpuLibrary.Area.ThrowIfFailed(
            GemmCpuNativeMethods.MultiplyBf16(
                (ushort*)product.A,
                (ushort*)product.B,
                product.ScaleA,
                product.ScaleB,
                product.Tiles,
                &parameters
            ),
            "di_gemm_cpu_multiply_bf16"
        );
    }

    public static void DecodeForStream(ElementKind kind, byte* source, int count, float* target) =>
        Kernel512.DecodeForStream(kind, source, count, target);

    public static void Stream(ref StreamArguments arguments) => Kernel512.Stream(ref arguments);
}
