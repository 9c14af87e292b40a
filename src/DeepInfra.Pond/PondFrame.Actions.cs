// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Apache.Arrow;
using DeepInfra.Pond.Execution;
using DeepInfra.Pond.Plan;
using DeepInfra.Pond.Rows;

namespace DeepInfra.Pond;

public sealed partial class PondFrame
{
    /// <summary>Columns of the frame.</summary>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <returns>
    /// The columns; null when only running a function of unknown result type can tell.
    /// </returns>
    /// <exception cref="PondSqlException">A query on the way to this frame is wrong.</exception>
    public async Task<PondSchema?> GetSchemaAsync(CancellationToken cancellationToken = default)
    {
        await Session.ResolveAsync([Node], cancellationToken).ConfigureAwait(false);
        return await PondSession.Dedicated(() => Session.Schemas.Of(Node)).ConfigureAwait(false);
    }

    /// <summary>Computes the frame and keeps its result until the session ends.</summary>
    /// <param name="cancellationToken">Stops the work; committed results of tasks stay.</param>
    /// <returns>Sizes of the result.</returns>
    /// <exception cref="PondPlanException">The plan is not valid.</exception>
    /// <exception cref="PondJobFailedException">A task failed.</exception>
    public async Task<PondResult> ComputeAsync(CancellationToken cancellationToken = default)
    {
        var parts = await PartsAsync("compute", cancellationToken).ConfigureAwait(false);
        return new PondResult(
            parts.Select(FileSet.TotalRows).ToArray(),
            parts.SelectMany(p => p).Sum(s => s.Bytes)
        );
    }

    /// <summary>Counts the rows. Parquet sources are counted from their footers.</summary>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>Number of rows.</returns>
    public async Task<long> CountAsync(CancellationToken cancellationToken = default)
    {
        var parts = await PartsAsync("count", cancellationToken).ConfigureAwait(false);
        var sets = parts.SelectMany(p => p).ToArray();
        if (sets.Any(s => s.Format is not ParquetFileFormat && s.Files.Any(f => f.Rows < 0)))
        {
            var counts = Sql("SELECT count(*) AS n FROM {0}", rowWise: false, ordered: false);
            var rows = await counts.ToListAsync<long>(cancellationToken).ConfigureAwait(false);
            return rows.Sum();
        }

        return await Session.CountRowsAsync(sets, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The first rows, in partition order.</summary>
    /// <param name="rows">At most this many.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The rows.</returns>
    public Task<IReadOnlyList<PondRow>> TakeAsync(
        int rows,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        return Limited(rows).RowsAsync(rows, cancellationToken);
    }

    /// <summary>All rows, in partition order.</summary>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The rows.</returns>
    /// <exception cref="NotSupportedException">There are more rows than a list can hold (2,147,483,591).</exception>
    public Task<IReadOnlyList<PondRow>> ToListAsync(
        CancellationToken cancellationToken = default
    ) => RowsAsync(long.MaxValue, cancellationToken);

    /// <summary>All rows as objects, in partition order.</summary>
    /// <typeparam name="T">
    /// A record whose constructor parameters are columns, a class with settable properties, or a single value
    /// (the first column).
    /// </typeparam>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The rows.</returns>
    /// <exception cref="NotSupportedException">There are more rows than a list can hold (2,147,483,591).</exception>
    public async Task<IReadOnlyList<T>> ToListAsync<
        [DynamicallyAccessedMembers(
            DynamicallyAccessedMemberTypes.PublicProperties
                | DynamicallyAccessedMemberTypes.PublicConstructors
        )]
            T
    >(CancellationToken cancellationToken = default)
    {
        var list = new List<T>();
        RowDecoder<T>? decoder = null;
        var parts = await PartsAsync("read", cancellationToken).ConfigureAwait(false);
        CheckFitsList(KnownRows(parts));
        await foreach (
            var batch in Session
                .ReadBatchesAsync(parts, long.MaxValue, cancellationToken)
                .ConfigureAwait(false)
        )
        {
            decoder ??= new RowDecoder<T>(Engine.ArrowTypes.ToPond(batch.Schema));
            CheckFitsList((long)list.Count + batch.Length);
            var rows = new RowBatch(batch);
            for (var i = 0; i < batch.Length; i++)
            {
                list.Add(decoder.Read(new PondRow(rows, i)));
            }
        }

        return list;
    }

    /// <summary>Whether there is a row.</summary>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>True when there is one.</returns>
    public async Task<bool> AnyAsync(CancellationToken cancellationToken = default) =>
        (await TakeAsync(1, cancellationToken).ConfigureAwait(false)).Count > 0;

    /// <summary>The first row.</summary>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The row.</returns>
    /// <exception cref="InvalidOperationException">There is no row.</exception>
    public async Task<PondRow> FirstAsync(CancellationToken cancellationToken = default)
    {
        var rows = await TakeAsync(1, cancellationToken).ConfigureAwait(false);
        return rows.Count > 0
            ? rows[0]
            : throw new InvalidOperationException("The frame has no row.");
    }

    /// <summary>Computes the frame and streams its rows as objects, in partition order.</summary>
    /// <typeparam name="T">See <see cref="ToListAsync{T}"/>.</typeparam>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The rows.</returns>
    public async IAsyncEnumerable<T> ToAsyncEnumerable<
        [DynamicallyAccessedMembers(
            DynamicallyAccessedMemberTypes.PublicProperties
                | DynamicallyAccessedMemberTypes.PublicConstructors
        )]
            T
    >([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        RowDecoder<T>? decoder = null;
        await foreach (var batch in ToArrowBatchesAsync(cancellationToken).ConfigureAwait(false))
        {
            decoder ??= new RowDecoder<T>(Engine.ArrowTypes.ToPond(batch.Schema));
            var rows = new RowBatch(batch);
            for (var i = 0; i < batch.Length; i++)
            {
                yield return decoder.Read(new PondRow(rows, i));
            }
        }
    }

    /// <summary>Computes the frame and streams its rows as record batches, in partition order.</summary>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>Batches of at most 2048 rows.</returns>
    public async IAsyncEnumerable<RecordBatch> ToArrowBatchesAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken = default
    )
    {
        var parts = await PartsAsync("read", cancellationToken).ConfigureAwait(false);
        await foreach (
            var batch in Session
                .ReadBatchesAsync(parts, long.MaxValue, cancellationToken)
                .ConfigureAwait(false)
        )
        {
            yield return batch;
        }
    }

    /// <summary>All rows as record batches, in partition order.</summary>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>Batches of at most 2048 rows.</returns>
    public async Task<IReadOnlyList<RecordBatch>> ToArrowAsync(
        CancellationToken cancellationToken = default
    )
    {
        var list = new List<RecordBatch>();
        await foreach (var batch in ToArrowBatchesAsync(cancellationToken).ConfigureAwait(false))
        {
            list.Add(batch);
        }

        return list;
    }

    /// <summary>
    /// Writes Parquet files, one per partition, and a manifest. The output directory appears complete or not
    /// at all; a run of the same job that finds its output already written does nothing.
    /// </summary>
    /// <param name="path">Directory on the local disk or on a mounted file system.</param>
    /// <param name="mode">What to do when it exists.</param>
    /// <param name="options">Format; null for <see cref="PondOptions.Parquet"/>.</param>
    /// <param name="cancellationToken">Stops the work and leaves the target as it was.</param>
    /// <returns>The files.</returns>
    /// <exception cref="PondStorageException">The target exists or cannot be written.</exception>
    /// <exception cref="PondJobFailedException">A task failed.</exception>
    public Task<PondWriteResult> WriteParquetAsync(
        string path,
        WriteMode mode = WriteMode.Error,
        ParquetWriteOptions? options = null,
        CancellationToken cancellationToken = default
    )
    {
        options ??= Session.Options.Parquet;
        options.Validate(nameof(options));
        return Session.WriteAsync(Node, path, mode, new ParquetOutput(options), cancellationToken);
    }

    /// <summary>Writes CSV files, one per partition; otherwise like <see cref="WriteParquetAsync"/>.</summary>
    /// <param name="path">Directory on the local disk or on a mounted file system.</param>
    /// <param name="mode">What to do when it exists.</param>
    /// <param name="delimiter">Text between fields.</param>
    /// <param name="header">Whether each file begins with the column names.</param>
    /// <param name="compression">Compression of the files.</param>
    /// <param name="cancellationToken">Stops the work and leaves the target as it was.</param>
    /// <returns>The files.</returns>
    public Task<PondWriteResult> WriteCsvAsync(
        string path,
        WriteMode mode = WriteMode.Error,
        string delimiter = ",",
        bool header = true,
        TextCompression compression = TextCompression.None,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentException.ThrowIfNullOrEmpty(delimiter);
        return Session.WriteAsync(
            Node,
            path,
            mode,
            new CsvOutput(delimiter, header, compression),
            cancellationToken
        );
    }

    /// <summary>
    /// Writes files with one JSON object per line, one file per partition; otherwise like
    /// <see cref="WriteParquetAsync"/>.
    /// </summary>
    /// <param name="path">Directory on the local disk or on a mounted file system.</param>
    /// <param name="mode">What to do when it exists.</param>
    /// <param name="compression">Compression of the files.</param>
    /// <param name="cancellationToken">Stops the work and leaves the target as it was.</param>
    /// <returns>The files.</returns>
    public Task<PondWriteResult> WriteJsonLinesAsync(
        string path,
        WriteMode mode = WriteMode.Error,
        TextCompression compression = TextCompression.None,
        CancellationToken cancellationToken = default
    ) => Session.WriteAsync(Node, path, mode, new JsonLinesOutput(compression), cancellationToken);

    /// <summary>
    /// Writes the values of a BLOB column as raw records for random access, see <see cref="PondRecords"/>;
    /// otherwise like <see cref="WriteParquetAsync"/>.
    /// </summary>
    /// <param name="path">Directory on the local disk or on a mounted file system.</param>
    /// <param name="column">The BLOB column; NULLs are refused.</param>
    /// <param name="recordBytes">
    /// Length of every record, when all have the same: files then hold nothing but records. Otherwise each file
    /// ends with an index.
    /// </param>
    /// <param name="recordsPerFile">
    /// Records after which a partition begins another file; files with an index have at most 268,435,456.
    /// </param>
    /// <param name="mode">What to do when the directory exists.</param>
    /// <param name="cancellationToken">Stops the work and leaves the target as it was.</param>
    /// <returns>The files.</returns>
    public Task<PondWriteResult> WriteRecordsAsync(
        string path,
        string column,
        int? recordBytes = null,
        long recordsPerFile = long.MaxValue,
        WriteMode mode = WriteMode.Error,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(column);
        if (recordBytes is { } bytes)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes, nameof(recordBytes));
        }

        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(recordsPerFile);
        return Session.WriteAsync(
            Node,
            path,
            mode,
            new RecordOutput(column, recordBytes, recordsPerFile),
            cancellationToken
        );
    }

    private async Task<IReadOnlyList<IReadOnlyList<FileSet>>> PartsAsync(
        string action,
        CancellationToken cancellationToken
    )
    {
        var results = await Session
            .ComputeAsync([Node], action, cancellationToken)
            .ConfigureAwait(false);
        return results[0];
    }

    private async Task<IReadOnlyList<PondRow>> RowsAsync(
        long limit,
        CancellationToken cancellationToken
    )
    {
        var parts = await PartsAsync("read", cancellationToken).ConfigureAwait(false);
        CheckFitsList(Math.Min(limit, KnownRows(parts)));
        var rows = new List<PondRow>();
        await foreach (
            var batch in Session
                .ReadBatchesAsync(parts, limit, cancellationToken)
                .ConfigureAwait(false)
        )
        {
            CheckFitsList((long)rows.Count + batch.Length);
            var view = new RowBatch(batch);
            for (var i = 0; i < batch.Length; i++)
            {
                rows.Add(new PondRow(view, i));
            }
        }

        return rows;
    }

    private static long KnownRows(IReadOnlyList<IReadOnlyList<FileSet>> parts) =>
        parts.SelectMany(p => p).SelectMany(s => s.Files).Sum(f => Math.Max(0, f.Rows));

    private static void CheckFitsList(long rows)
    {
        if (rows > System.Array.MaxLength)
        {
            throw new NotSupportedException(
                FormattableString.Invariant(
                    $"The frame has {rows} rows or more, and a list holds at most {System.Array.MaxLength}; use ToAsyncEnumerable, ToArrowBatchesAsync or Limit."
                )
            );
        }
    }

    /// <summary>Adds a limit, so that only what is asked for is computed, unless everything is there.</summary>
    private PondFrame Limited(long rows) =>
        IsComputed || Node is SourceNode or LiteralNode ? this : Limit(rows);
}
