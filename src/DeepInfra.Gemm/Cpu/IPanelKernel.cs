// SPDX-License-Identifier: MIT
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Gemm.Cpu;

/// <summary>
/// What a task needs of a kernel: packing in a format of the kernel's own, the product of packed panels, and the product of
/// a few rows without packing. Panels are <see cref="TileShape.Depth"/> elements of <see cref="ElementBytes"/> bytes deep; a K-major A has
/// that many elements a row, an MN-major A has panels of <see cref="TileShape.ColumnPanelStride"/> columns.
/// </summary>
internal unsafe interface IPanelKernel
{
    /// <summary>Most rows of one micro-tile.</summary>
    static abstract int MaxRows { get; }

    /// <summary>Columns of one micro-tile.</summary>
    static abstract int Columns { get; }

    /// <summary>Bytes of a packed element.</summary>
    static abstract int ElementBytes { get; }

    /// <summary>True if <see cref="Stream"/> works.</summary>
    static abstract bool CanStream { get; }

    /// <summary>Packs a K-major block of A; parameters as in <see cref="ICpuKernel.PackRows"/>.</summary>
    static abstract void PackRows(
        ElementKind kind,
        byte* source,
        long leadingBytes,
        int rows,
        int depth,
        byte* target
    );

    /// <summary>Packs an MN-major block; parameters as in <see cref="ICpuKernel.PackColumns"/> and <see cref="PackTransposed"/>.</summary>
    static abstract void PackColumns(
        ElementKind kind,
        byte* source,
        long leadingBytes,
        int width,
        int depth,
        byte* target,
        int stride,
        byte* stage
    );

    /// <summary>Packs a K-major block of B; parameters as in <see cref="ICpuKernel.PackTransposed"/>, with a stage of the size of a panel.</summary>
    static abstract void PackTransposed(
        ElementKind kind,
        byte* source,
        long leadingBytes,
        int rows,
        int depth,
        byte* target,
        byte* stage
    );

    /// <summary>Multiplies all row panels with one panel of B.</summary>
    static abstract void Multiply(in PanelProduct product);

    /// <summary>As <see cref="ICpuKernel.DecodeForStream"/>.</summary>
    static abstract void DecodeForStream(ElementKind kind, byte* source, int count, float* target);

    /// <summary>As <see cref="ICpuKernel.Stream"/>.</summary>
    static abstract void Stream(ref StreamArguments arguments);
}
