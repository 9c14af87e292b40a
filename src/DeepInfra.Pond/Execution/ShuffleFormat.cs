// SPDX-License-Identifier: MIT
using System.Globalization;
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Execution;

/// <summary>Adapts the format of shuffle files to the rows that go into them and to the memory of the task.</summary>
internal static class ShuffleFormat
{
    private const int Vector = 2048;

    /// <summary>Share of the memory that row groups in the making may fill.</summary>
    private const int MemoryShare = 4;

    private const int SampledFiles = 8;

    /// <summary>Bytes of a row where the input does not tell.</summary>
    private const long UnknownRowBytes = 256;

    public static ParquetWriteOptions For(
        TaskContext context,
        DuckInstance duck,
        ParquetWriteOptions wanted,
        int count
    )
    {
        var sets = context.Sets(0);
        var paths = sets.Where(s => s.Format is ParquetFileFormat)
            .SelectMany(s =>
                s.Files.Where(f => f.Rows != 0 && f.Memory is null).Select(f => (Set: s, File: f))
            )
            .ToArray();
        if (paths.Length == 0)
        {
            var inMemory = FileSet.TotalRows(sets);
            return Choose(
                wanted,
                count,
                context.MemoryBytes,
                inMemory > 0 ? sets.Sum(s => s.Bytes) / inMemory : UnknownRowBytes,
                dense: false
            );
        }

        // Some files, spread over the list, stand for all of them.
        var step = (paths.Length + SampledFiles - 1) / SampledFiles;
        var sample = paths.Where((_, i) => i % step == 0);
        // Plain chunks show what a codec can save; dictionaries and differences have saved already.
        var row = duck.Query(
            $"""
            SELECT coalesce(sum(total_uncompressed_size), 0)::BIGINT,
                   coalesce(sum(total_uncompressed_size) FILTER (plain), 0)::BIGINT,
                   coalesce(sum(total_compressed_size) FILTER (plain), 0)::BIGINT,
                   coalesce(sum(row_group_num_rows) FILTER (column_id = 0), 0)::BIGINT
            FROM (SELECT *, compression <> 'UNCOMPRESSED' AND encodings NOT LIKE '%DICT%'
                      AND encodings NOT LIKE '%DELTA%' AS plain
                  FROM parquet_metadata({SqlText.PathList(
                sample.Select(p => context.LocalPath(p.Set, p.File))
            )}))
            """,
            context.Cancellation
        )[0];
        var (bytes, plain, compressed, rows) = (
            Number(row[0]),
            Number(row[1]),
            Number(row[2]),
            Number(row[3])
        );
        return Choose(
            wanted,
            count,
            context.MemoryBytes,
            rows > 0 ? bytes / rows : UnknownRowBytes,
            AsStored(context) && plain > 0 && plain >= bytes * 0.9 && compressed >= plain * 0.95
        );
    }

    /// <summary>The rule.</summary>
    /// <param name="wanted">What the options ask for; the size of row groups is an upper bound.</param>
    /// <param name="count">Files that are written at the same time.</param>
    /// <param name="memoryBytes">Memory of the task.</param>
    /// <param name="rowBytes">Bytes of a row without compression.</param>
    /// <param name="dense">Whether neither dictionaries nor a codec have made the same values smaller.</param>
    public static ParquetWriteOptions Choose(
        ParquetWriteOptions wanted,
        int count,
        long memoryBytes,
        long rowBytes,
        bool dense
    )
    {
        // The writer holds a row group of each file; what does not fit would go through the disk twice.
        var rows = memoryBytes / MemoryShare / count / Math.Max(16, rowBytes);
        var group = Math.Clamp(rows / Vector * Vector, Vector, wanted.RowGroupRows);
        var dictionary = Math.Min(wanted.MaxDictionaryValues ?? int.MaxValue, (int)group / 5);
        return wanted with
        {
            RowGroupRows = (int)group,
            // The writer fills a dictionary up to its limit before it gives up, for each row group anew.
            MaxDictionaryValues = dense ? 0 : dictionary,
            Compression = dense ? ParquetCompression.Uncompressed : wanted.Compression,
        };
    }

    /// <summary>Whether the rows of the task are those of its files, with all their columns.</summary>
    private static bool AsStored(TaskContext context) =>
        context.Task.Inputs[0].Wrappers.Count == 0
        && context.Sets(0).All(s => s.Format is ParquetFileFormat { Columns: null });

    private static long Number(object? value) =>
        Convert.ToInt64(value, CultureInfo.InvariantCulture);
}
