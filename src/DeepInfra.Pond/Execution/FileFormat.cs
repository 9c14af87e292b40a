// SPDX-License-Identifier: MIT
using System.Text;
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Execution;

/// <summary>How DuckDB reads a set of files. Formats with equal text are equal.</summary>
internal abstract record FileFormat
{
    /// <summary>The stored results of tasks.</summary>
    public static FileFormat StoredParquet { get; } = new ParquetFileFormat(null, false);

    public virtual bool SupportsRowRanges => false;

    /// <summary>A query over whole files.</summary>
    public abstract string Select(IEnumerable<string> paths);

    /// <summary>A query over rows [begin, end) of one file.</summary>
    public virtual string SelectRange(string path, long begin, long end) =>
        throw new NotSupportedException($"{GetType().Name} files cannot be split by rows.");

    public abstract string Describe();
}

internal sealed record ParquetFileFormat(string[]? Columns, bool UnionByName) : FileFormat
{
    public override bool SupportsRowRanges => true;

    private string List => Columns is null ? "*" : SqlText.Columns(Columns);

    public override string Select(IEnumerable<string> paths) =>
        $"SELECT {List} FROM read_parquet({SqlText.PathList(paths)}, hive_partitioning=false"
        + (UnionByName ? ", union_by_name=true)" : ")");

    public override string SelectRange(string path, long begin, long end) =>
        $"SELECT {(Columns is null ? "* EXCLUDE (file_row_number)" : List)} FROM read_parquet("
        + $"{SqlText.ReaderPath(path)}, hive_partitioning=false, file_row_number=true) WHERE "
        + $"file_row_number BETWEEN {SqlText.Number(begin)} AND {SqlText.Number(end - 1)}";

    public override string Describe() =>
        "parquet"
        + (Columns is null ? "" : $" columns {SqlText.Columns(Columns)}")
        + (UnionByName ? " by name" : "");

    public bool Equals(ParquetFileFormat? other) =>
        other is not null && Describe() == other.Describe();

    public override int GetHashCode() => Describe().GetHashCode(StringComparison.Ordinal);
}

internal sealed record CsvFileFormat(PondSchema Schema, CsvReadOptions Options) : FileFormat
{
    public override string Select(IEnumerable<string> paths)
    {
        var sql = new StringBuilder("SELECT * FROM read_csv(")
            .Append(SqlText.PathList(paths))
            .Append(", auto_detect=false, columns=")
            .Append(JsonFileFormat.ColumnStruct(Schema))
            .Append(", delim=")
            .Append(SqlText.Literal(Options.Delimiter))
            .Append(", header=")
            .Append(Options.Header ? "true" : "false")
            .Append(", quote=")
            .Append(SqlText.Literal(Options.Quote))
            .Append(", escape=")
            .Append(SqlText.Literal(Options.Quote))
            .Append(", nullstr=")
            .Append(SqlText.Literal(Options.NullText))
            .Append(", max_line_size=")
            .Append(SqlText.Number(Options.MaxLineBytes));
        return sql.Append(')').ToString();
    }

    public override string Describe() => "csv " + Schema + " " + Options;
}

internal sealed record JsonFileFormat(PondSchema? Schema, JsonReadOptions Options) : FileFormat
{
    public override string Select(IEnumerable<string> paths)
    {
        var columns = Schema is null ? "auto_detect=true" : $"columns={ColumnStruct(Schema)}";
        return $"SELECT * FROM read_json({SqlText.PathList(paths)}, format='newline_delimited', {columns}, "
            + $"maximum_object_size={SqlText.Number(Options.MaxObjectBytes)})";
    }

    public override string Describe() =>
        "jsonl " + (Schema?.ToString() ?? "detected") + " " + Options;

    public static string ColumnStruct(PondSchema schema) =>
        "{"
        + string.Join(
            ", ",
            schema.Select(c => $"{SqlText.Literal(c.Name)}: {SqlText.Literal(c.SqlType)}")
        )
        + "}";
}
