// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Execution;

/// <summary>How DuckDB writes a result.</summary>
internal abstract record OutputFormat
{
    public abstract string Extension { get; }

    public abstract string CopyOptions { get; }
}

internal sealed record ParquetOutput(ParquetWriteOptions Options) : OutputFormat
{
    public override string Extension => ".parquet";

    public override string CopyOptions => Options.ToSql();
}

internal sealed record CsvOutput(string Delimiter, bool Header, TextCompression Compression)
    : OutputFormat
{
    public override string Extension => ".csv" + TextCompressions.Extension(Compression);

    public override string CopyOptions =>
        $"FORMAT csv, DELIMITER {SqlText.Literal(Delimiter)}, HEADER {(Header ? "true" : "false")}, "
        + $"COMPRESSION {TextCompressions.SqlName(Compression)}";
}

internal sealed record JsonLinesOutput(TextCompression Compression) : OutputFormat
{
    public override string Extension => ".jsonl" + TextCompressions.Extension(Compression);

    public override string CopyOptions =>
        $"FORMAT json, ARRAY false, COMPRESSION {TextCompressions.SqlName(Compression)}";
}

internal static class TextCompressions
{
    public static string Extension(TextCompression compression) =>
        compression switch
        {
            TextCompression.Gzip => ".gz",
            TextCompression.Zstd => ".zst",
            _ => "",
        };

    public static string SqlName(TextCompression compression) =>
        compression switch
        {
            TextCompression.Gzip => "gzip",
            TextCompression.Zstd => "zstd",
            _ => "none",
        };
}
