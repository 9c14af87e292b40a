// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>Page compression of Parquet files.</summary>
public enum ParquetCompression
{
    /// <summary>None.</summary>
    Uncompressed,

    /// <summary>Snappy.</summary>
    Snappy,

    /// <summary>LZ4 raw blocks.</summary>
    Lz4,

    /// <summary>Zstandard.</summary>
    Zstd,
}
