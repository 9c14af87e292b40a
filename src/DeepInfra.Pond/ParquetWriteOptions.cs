// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>How Parquet files are written.</summary>
public sealed record ParquetWriteOptions
{
    /// <summary>Page compression.</summary>
    public ParquetCompression Compression { get; init; } = ParquetCompression.Zstd;

    /// <summary>Zstandard level, 1 to 22; ignored by the other codecs.</summary>
    public int CompressionLevel { get; init; } = 3;

    /// <summary>Rows per row group, a multiple of 2048.</summary>
    public int RowGroupRows { get; init; } = 122_880;

    /// <summary>
    /// Most different values of one column in one row group that are stored as a dictionary and indices; 0
    /// for no dictionaries, null for DuckDB's own limit, a fifth of <see cref="RowGroupRows"/>. Dictionaries
    /// make columns that repeat their values small and quick to filter. Looking for them in vain costs about
    /// a tenth of the time of writing columns where most values differ, such as text and random keys; a low
    /// limit ends the search early.
    /// </summary>
    public int? MaxDictionaryValues { get; init; }

    internal void Validate(string name)
    {
        if (CompressionLevel is < 1 or > 22)
        {
            throw new PondConfigurationException(
                $"{name}.CompressionLevel: expected 1 to 22, got {CompressionLevel}."
            );
        }

        if (MaxDictionaryValues < 0)
        {
            throw new PondConfigurationException(
                $"{name}.MaxDictionaryValues: expected at least 0, got {MaxDictionaryValues}."
            );
        }

        if (RowGroupRows < 2048 || RowGroupRows % 2048 != 0)
        {
            throw new PondConfigurationException(
                $"{name}.RowGroupRows: expected a positive multiple of 2048, got {RowGroupRows}."
            );
        }
    }

    internal string ToSql()
    {
        var codec = Compression switch
        {
            ParquetCompression.Uncompressed => "uncompressed",
            ParquetCompression.Snappy => "snappy",
            ParquetCompression.Lz4 => "lz4_raw",
            ParquetCompression.Zstd => "zstd",
            _ => throw new PondConfigurationException($"Unknown compression {Compression}."),
        };
        var level =
            Compression == ParquetCompression.Zstd
                ? FormattableString.Invariant($", COMPRESSION_LEVEL {CompressionLevel}")
                : "";
        // There is no switch; a dictionary of one value costs nothing.
        var dictionary = MaxDictionaryValues is { } values
            ? FormattableString.Invariant($", DICTIONARY_SIZE_LIMIT {Math.Max(1, values)}")
            : "";
        return FormattableString.Invariant(
            $"FORMAT parquet, COMPRESSION {codec}{level}, ROW_GROUP_SIZE {RowGroupRows}{dictionary}"
        );
    }
}
