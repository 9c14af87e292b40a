// SPDX-License-Identifier: MIT
namespace DeepInfra.Gemm.Cpu;

/// <summary>Sizes that all SIMD tiers share.</summary>
internal static class TileShape
{
    /// <summary>K elements of a panel: the largest scale granularity, so that a panel needs at most one pair of scales.</summary>
    public const int Depth = 128;

    /// <summary>Columns of a column panel of A; no tier has more rows per micro-tile.</summary>
    public const int ColumnPanelStride = 16;

    /// <summary>Most rows of A of a task.</summary>
    public const int MaxTaskRows = 256;

    /// <summary>Most columns of a task: with the rows above, the accumulators take half of a 1 MiB second-level cache.</summary>
    public const int MaxTaskColumns = 512;

    /// <summary>Segments with at most this many rows of A stream B instead of packing it.</summary>
    public const int MaxStreamRows = 8;

    /// <summary>Rows of A per streaming pass.</summary>
    public const int StreamRows = 4;

    /// <summary>K elements that the streaming kernel decodes at a time.</summary>
    public const int StreamChunk = 64;

    /// <summary>Bytes of such a chunk of the widest element type.</summary>
    public const int StreamTailBytes = 2 * StreamChunk;

    /// <summary>Most elements of A that a streaming task decodes: half of the second-level cache.</summary>
    public const int MaxStreamElements = 128 * 1024;

    /// <summary>Runs of an MN-major block that can be read as wide as the panel without leaving the block.</summary>
    /// <param name="width">Valid columns, at most <paramref name="stride"/>.</param>
    /// <param name="stride">Columns of the panel.</param>
    /// <param name="depth">Runs.</param>
    /// <param name="leadingBytes">Bytes from one run to the next; any value, as rows of a tensor may overlap.</param>
    /// <param name="elementBytes">Bytes of an element.</param>
    /// <returns>The first so many runs; what they hold behind <paramref name="width"/> is of no meaning.</returns>
    public static int WholeRuns(
        int width,
        int stride,
        int depth,
        long leadingBytes,
        int elementBytes
    )
    {
        if (width == stride)
            return depth;
        if (leadingBytes <= 0)
            return 0;
        var missing = (long)(stride - width) * elementBytes;
        return (int)Math.Max(0, depth - (missing + leadingBytes - 1) / leadingBytes);
    }
}
