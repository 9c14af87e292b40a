// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.Chunks;

/// <summary>Place of a chunk's bytes: the size class (log2 of the block size in bytes) and the block number in it.</summary>
/// <param name="SizeLog2">16 (64 KiB) to 26 (64 MiB).</param>
/// <param name="Index">Number of the block inside the class.</param>
internal readonly record struct BlockAddress(byte SizeLog2, uint Index)
{
    /// <summary>Smallest block, 64 KiB.</summary>
    public const int MinSizeLog2 = 16;

    /// <summary>Largest block, 64 MiB.</summary>
    public const int MaxSizeLog2 = 26;

    /// <summary>Bytes of the block.</summary>
    public long Size => 1L << SizeLog2;

    /// <summary>The smallest class that holds <paramref name="length"/> bytes.</summary>
    public static byte ClassOf(long length)
    {
        byte log2 = MinSizeLog2;
        while (1L << log2 < length)
        {
            log2++;
        }
        return log2;
    }
}
