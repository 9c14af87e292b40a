// SPDX-License-Identifier: MIT
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Gemm.Cpu;

/// <summary>
/// The parts of the CPU backend that depend on the SIMD tier. Panels hold binary32 values decoded from the
/// operands, <see cref="TileShape.Depth"/> elements deep:
/// a row panel of A is [row][Depth], a column panel of A is [k][<see cref="TileShape.ColumnPanelStride"/>], a panel of B is
/// [k][<see cref="Columns"/>].
/// </summary>
internal unsafe interface ICpuKernel
{
    /// <summary>Most rows of one micro-tile.</summary>
    static abstract int MaxRows { get; }

    /// <summary>Columns of one micro-tile.</summary>
    static abstract int Columns { get; }

    /// <summary>True if <see cref="Stream"/> works.</summary>
    static abstract bool CanStream { get; }

    /// <summary>Packs a K-major block of A: decodes rows in order.</summary>
    /// <param name="kind">E4M3 or BFloat16.</param>
    /// <param name="source">Element [first row, k = 0].</param>
    /// <param name="leadingBytes">Bytes from one row to the next.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="depth">Elements of each row.</param>
    /// <param name="target">Rows of <see cref="TileShape.Depth"/> values.</param>
    static abstract void PackRows(
        ElementKind kind,
        byte* source,
        long leadingBytes,
        int rows,
        int depth,
        float* target
    );

    /// <summary>Packs an MN-major block: <paramref name="depth"/> runs of <paramref name="width"/> consecutive elements.</summary>
    /// <param name="kind">E4M3 or BFloat16.</param>
    /// <param name="source">Element [k = 0, first column].</param>
    /// <param name="leadingBytes">Bytes from one k to the next.</param>
    /// <param name="width">Valid columns, at most <paramref name="stride"/>.</param>
    /// <param name="depth">Runs.</param>
    /// <param name="target">The panel; columns from <paramref name="width"/> on are undefined.</param>
    /// <param name="stride">Columns of the panel.</param>
    static abstract void PackColumns(
        ElementKind kind,
        byte* source,
        long leadingBytes,
        int width,
        int depth,
        float* target,
        int stride
    );

    /// <summary>Packs a K-major block of B: the transpose of <paramref name="rows"/> rows.</summary>
    /// <param name="kind">E4M3 or BFloat16.</param>
    /// <param name="source">Element [first row, k = 0].</param>
    /// <param name="leadingBytes">Bytes from one row to the next.</param>
    /// <param name="rows">Valid rows, at most <see cref="Columns"/>; the other columns of the panel are undefined.</param>
    /// <param name="depth">Elements of each row.</param>
    /// <param name="target">The panel.</param>
    /// <param name="stage">Scratch of <see cref="Columns"/> x <see cref="TileShape.Depth"/> elements.</param>
    static abstract void PackTransposed(
        ElementKind kind,
        byte* source,
        long leadingBytes,
        int rows,
        int depth,
        float* target,
        float* stage
    );

    /// <summary>
    /// Multiplies one micro-tile: the products of <paramref name="depth"/> k are summed in ascending order from zero,
    /// then added to the tile with one multiply-add per element:
    /// tile += (scaleA[row] · scaleB[column]) · sum.
    /// </summary>
    /// <param name="rows">1 to <see cref="MaxRows"/>.</param>
    /// <param name="rowPanel">The format of <paramref name="a"/>.</param>
    /// <param name="a">First row and k in its panel.</param>
    /// <param name="b">First k in its panel.</param>
    /// <param name="depth">At least 1.</param>
    /// <param name="tile">[rows][<see cref="Columns"/>].</param>
    /// <param name="scaleA">One factor per row.</param>
    /// <param name="scaleB">One factor per column.</param>
    /// <param name="first">True overwrites the tile instead of adding to it.</param>
    static abstract void Multiply(
        int rows,
        bool rowPanel,
        float* a,
        float* b,
        int depth,
        float* tile,
        float* scaleA,
        float* scaleB,
        bool first
    );

    /// <summary>Decodes a row of A for <see cref="Stream"/>, in that kernel's own order, padded with zeros.</summary>
    /// <param name="kind">E4M3 or BFloat16.</param>
    /// <param name="source">The row.</param>
    /// <param name="count">Elements.</param>
    /// <param name="target">Room for <paramref name="count"/> rounded up to a multiple of <see cref="TileShape.StreamChunk"/>.</param>
    static abstract void DecodeForStream(ElementKind kind, byte* source, int count, float* target);

    /// <summary>
    /// Multiplies up to <see cref="TileShape.StreamRows"/> decoded rows of A with rows of K-major B that are read once from memory and
    /// decoded in registers.
    /// </summary>
    static abstract void Stream(ref StreamArguments arguments);
}
