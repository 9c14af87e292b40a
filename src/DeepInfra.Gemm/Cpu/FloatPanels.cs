// SPDX-License-Identifier: MIT
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Gemm.Cpu;

/// <summary>A managed kernel: panels of binary32, multiplied one micro-tile at a time.</summary>
internal readonly unsafe struct FloatPanels<TKernel> : IPanelKernel
    where TKernel : struct, ICpuKernel
{
    public static int MaxRows => TKernel.MaxRows;
    public static int Columns => TKernel.Columns;
    public static int ElementBytes => sizeof(float);
    public static bool CanStream => TKernel.CanStream;

    public static void PackRows(
        ElementKind kind,
        byte* source,
        long leadingBytes,
        int rows,
        int depth,
        byte* target
    ) => TKernel.PackRows(kind, source, leadingBytes, rows, depth, (float*)target);

    public static void PackColumns(
        ElementKind kind,
        byte* source,
        long leadingBytes,
        int width,
        int depth,
        byte* target,
        int stride,
        byte* stage
    ) => TKernel.PackColumns(kind, source, leadingBytes, width, depth, (float*)target, stride);

    public static void PackTransposed(
        ElementKind kind,
        byte* source,
        long leadingBytes,
        int rows,
        int depth,
        byte* target,
        byte* stage
    ) =>
        TKernel.PackTransposed(
            kind,
            source,
            leadingBytes,
            rows,
            depth,
            (float*)target,
            (float*)stage
        );

    public static void Multiply(in PanelProduct product)
    {
        var depthStride = product.RowMajor ? 1 : TileShape.ColumnPanelStride;
        for (var i = 0; i < product.RowPanels; i++)
        {
            var first = PanelProduct.FirstRow(product.Rows, i, product.RowPanels);
            var rows = PanelProduct.FirstRow(product.Rows, i + 1, product.RowPanels) - first;
            var a =
                (float*)product.A
                + (product.RowMajor ? first : i * TileShape.ColumnPanelStride) * TileShape.Depth;
            for (int k = 0, block = 0; k < product.Depth; k += product.Step, block++)
                TKernel.Multiply(
                    rows,
                    product.RowMajor,
                    a + k * depthStride,
                    (float*)product.B + k * TKernel.Columns,
                    Math.Min(product.Step, product.Depth - k),
                    product.Tiles + i * TKernel.MaxRows * TKernel.Columns,
                    product.ScaleA + block * TileShape.MaxTaskRows + first,
                    product.ScaleB + block * product.ScaleColumns,
                    product.First && k == 0
                );
        }
    }

    public static void DecodeForStream(ElementKind kind, byte* source, int count, float* target) =>
        TKernel.DecodeForStream(kind, source, count, target);

    public static void Stream(ref StreamArguments arguments) => TKernel.Stream(ref arguments);
}
