// SPDX-License-Identifier: MIT
using System.Globalization;
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Execution;

/// <summary>
/// Sends each row to the slot that an integer expression names. Rows stream through DuckDB's partitioned
/// writer, so memory stays bounded whatever the input size.
/// </summary>
internal sealed class ShuffleWork(
    int count,
    string expression,
    ParquetWriteOptions format,
    PondSchema? schema
) : TaskWork
{
    public const string PartitionColumn = "__pond_partition__";

    public const string KeyColumn = "__pond_key__";

    /// <summary>
    /// Value that the expression reads as <see cref="KeyColumn"/>, so that it is computed once per row.
    /// </summary>
    public string? KeySql { get; init; }

    /// <summary>Whether <see cref="KeyColumn"/> stays in the files for the consumer.</summary>
    public bool KeepKey { get; init; }

    /// <summary>Set when the expression is built from the payload of the second input.</summary>
    public Func<string, string>? ExpressionFromPayload { get; init; }

    public override int Slots => count;

    public override void AppendKey(KeyBuilder key) =>
        key.Add("shuffle").Add(count).Add(expression).Add(KeySql).Add(KeepKey).Add(format.ToSql());

    public override TaskOutput Run(TaskContext context)
    {
        if (context.IsEmpty(0) && schema is not null)
        {
            return Empty(context, schema);
        }

        return context.WithDuck(duck =>
        {
            var cancellation = context.Cancellation;
            var view = context.CreateView(duck, 0);
            var input = duck.Describe($"SELECT * FROM {view}", cancellation);
            if (input.IndexOf(PartitionColumn) >= 0 || input.IndexOf(KeyColumn) >= 0)
            {
                throw new PondSchemaException(
                    $"The column names {PartitionColumn} and {KeyColumn} are reserved."
                );
            }

            var source = KeySql is null
                ? view
                : $"(SELECT pond_row.*, ({KeySql}) AS {KeyColumn} FROM {view} pond_row)";
            var columns =
                KeySql is null || !KeepKey
                    ? input
                    : schema ?? duck.Describe($"SELECT * FROM {source}", cancellation);
            var star = KeySql is null || KeepKey ? "*" : $"* EXCLUDE ({KeyColumn})";

            var payload = ExpressionFromPayload is null
                ? null
                : context.Task.Inputs[1].Slots[0].Task.Output!.Payload!;
            var key = payload is null ? expression : ExpressionFromPayload!(payload);
            // One open file per partition avoids many small files; the file limit bounds it.
            duck.Execute(
                $"SET partitioned_write_max_open_files={SqlText.Number(Math.Clamp(count, 16, 1024))};"
                    + $"SET partitioned_write_flush_threshold={SqlText.Number(FlushThreshold(context))}",
                cancellation
            );
            var (written, rowsIn) = duck.CopyCounted(
                $"SELECT {star}, ({key})::INTEGER AS {PartitionColumn} FROM {source}",
                context.OutputDirectory,
                ShuffleFormat.For(context, duck, format, count).ToSql()
                    + $", PARTITION_BY ({PartitionColumn}), OVERWRITE_OR_IGNORE true",
                cancellation
            );
            written = context.Job.Options.ShuffleHook?.Invoke(written) ?? written;
            Check(context, rowsIn, written.Sum(f => f.Rows));
            return new TaskOutput
            {
                Slots = Collect(written, columns),
                Payload = payload is null ? null : new KeyBuilder().Add(payload).Build(),
            };
        });
    }

    private TaskOutput Empty(TaskContext context, PondSchema columns) =>
        new()
        {
            Payload = ExpressionFromPayload is null
                ? null
                : new KeyBuilder()
                    .Add(context.Task.Inputs[1].Slots[0].Task.Output!.Payload!)
                    .Build(),
            Slots = Enumerable
                .Range(0, count)
                .Select(_ => new FileSet(FileFormat.StoredParquet, columns, []))
                .ToArray(),
        };

    private FileSet[] Collect(List<WrittenFile> written, PondSchema columns)
    {
        var files = new List<DataFile>[count];
        for (var i = 0; i < count; i++)
        {
            files[i] = [];
        }

        foreach (var file in written.OrderBy(f => f.Path, StringComparer.Ordinal))
        {
            var directory = Path.GetFileName(Path.GetDirectoryName(file.Path))!;
            var slot = int.Parse(
                directory.AsSpan(directory.IndexOf('=', StringComparison.Ordinal) + 1),
                CultureInfo.InvariantCulture
            );
            files[slot].Add(new DataFile(file.Path, file.Rows, new FileInfo(file.Path).Length));
        }

        return files.Select(f => new FileSet(FileFormat.StoredParquet, columns, f)).ToArray();
    }

    /// <summary>
    /// Every row that the input gave is in a file. Where the input is stored files, as many must have been read
    /// as their manifests and footers say.
    /// </summary>
    private static void Check(TaskContext context, long read, long written)
    {
        var input = context.Task.Inputs[0];
        var stored =
            input.Slots.Count > 0 && input.Wrappers.Count == 0
                ? FileSet.TotalRows(input.Sets)
                : DataFile.Unknown;
        if (read != written || (stored >= 0 && stored != read))
        {
            throw new EngineException(
                FormattableString.Invariant(
                    $"{context.Task}: {(stored >= 0 ? stored : read)} rows went in, {read} were read, {written} came out."
                ),
                new InvalidOperationException("Partitioned write lost or repeated rows.")
            );
        }
    }

    private static long FlushThreshold(TaskContext context)
    {
        var input = FileSet.TotalRows(context.Sets(0));
        var bytes = context.Sets(0).Sum(s => s.Bytes);
        // A row in memory is a few times its compressed size.
        var rowBytes = input > 0 ? Math.Max(16, bytes * 3 / input) : 256;
        return Math.Clamp(context.MemoryBytes / 8 / rowBytes / context.Threads, 2048, 524_288);
    }
}
