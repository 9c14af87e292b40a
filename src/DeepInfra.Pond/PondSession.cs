// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using Apache.Arrow;
using DeepInfra.Pond.Engine;
using DeepInfra.Pond.Execution;
using DeepInfra.Pond.Interop;
using DeepInfra.Pond.Plan;
using DeepInfra.Pond.Rows;
using DeepInfra.Pond.Storage;

namespace DeepInfra.Pond;

/// <summary>
/// A job: it creates frames, runs them on this machine and owns the directory of intermediate results.
/// Thread-safe; several actions may run at once and share the cores and memory of the session.
/// <para>The model (lazy partitioned frames, per-partition SQL on DuckDB) is that of smallpond.</para>
/// </summary>
/// <example>
/// <code>
/// await using var pond = await PondSession.CreateAsync();
/// var stats = pond.ReadParquet("prices/*.parquet")
///     .RepartitionByHash(4, "ticker")
///     .SqlPerPartition("select ticker, min(price) as low, max(price) as high from {0} group by ticker");
/// await stats.WriteParquetAsync("output");
/// </code>
/// </example>
public sealed partial class PondSession : IAsyncDisposable
{
    private readonly CancellationTokenSource _closing = new();
    private int _nodes;
    private int _disposed;

    private PondSession(PondOptions options, JobDirectory directory)
    {
        Options = options;
        Runtime = new JobRuntime(options, directory);
        Schemas = new SchemaResolver(Runtime);
    }

    /// <summary>The options that the session was created with.</summary>
    public PondOptions Options { get; }

    /// <summary>Identifier of the job.</summary>
    public string JobId => Runtime.Directory.JobId;

    /// <summary>Local directory of the job's intermediate results.</summary>
    public string JobDirectory => Runtime.Directory.Path;

    /// <summary>Cores that running tasks share.</summary>
    public int Cores => Runtime.Cores;

    /// <summary>Seed of every random choice of the job.</summary>
    public long RandomSeed => Runtime.Seed;

    internal JobRuntime Runtime { get; }

    internal SchemaResolver Schemas { get; }

    /// <summary>Opens or resumes a job.</summary>
    /// <param name="options">Options; null for the defaults.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <returns>The session. Dispose it to end the job and remove its temporary files.</returns>
    /// <exception cref="PondConfigurationException">An option or the data root cannot be used.</exception>
    /// <exception cref="PondLeaseException">Another session runs the same job.</exception>
    public static ValueTask<PondSession> CreateAsync(
        PondOptions? options = null,
        CancellationToken cancellationToken = default
    )
    {
        options ??= new PondOptions();
        options.Validate();
        cancellationToken.ThrowIfCancellationRequested();
        var directory = Storage.JobDirectory.Open(options);
        try
        {
            return new ValueTask<PondSession>(new PondSession(options, directory));
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    /// <summary>A frame over Parquet files.</summary>
    /// <param name="path">A file, a directory, or a pattern with <c>*</c>, <c>?</c>, <c>[a-z]</c> and <c>**</c>.</param>
    /// <param name="options">How the files are read.</param>
    /// <returns>A frame of one partition.</returns>
    public PondFrame ReadParquet(string path, ParquetReadOptions? options = null) =>
        ReadParquet([path], options);

    /// <summary>A frame over Parquet files.</summary>
    /// <param name="paths">Files, directories or patterns.</param>
    /// <param name="options">How the files are read.</param>
    /// <returns>A frame of one partition. Files are found when an action first needs them.</returns>
    public PondFrame ReadParquet(IEnumerable<string> paths, ParquetReadOptions? options = null)
    {
        options ??= new ParquetReadOptions();
        return Source(
            new ParquetFileFormat(
                options.Columns?.ToArray(),
                options.UnionByName || options.Columns is not null
            ),
            paths,
            new SourceSettings(
                [".parquet"],
                options.Recursive,
                options.AllowMissing,
                options.AllowMissing ? options.Schema : null
            )
        );
    }

    /// <summary>A frame over CSV files.</summary>
    /// <param name="path">A file, a directory or a pattern.</param>
    /// <param name="schema">All columns, in file order.</param>
    /// <param name="options">How the files are read.</param>
    /// <returns>A frame of one partition.</returns>
    public PondFrame ReadCsv(string path, PondSchema schema, CsvReadOptions? options = null) =>
        ReadCsv([path], schema, options);

    /// <summary>A frame over CSV files, which may be compressed (.gz, .zst).</summary>
    /// <param name="paths">Files, directories or patterns.</param>
    /// <param name="schema">All columns, in file order.</param>
    /// <param name="options">How the files are read.</param>
    /// <returns>A frame of one partition.</returns>
    public PondFrame ReadCsv(
        IEnumerable<string> paths,
        PondSchema schema,
        CsvReadOptions? options = null
    )
    {
        ArgumentNullException.ThrowIfNull(schema);
        options ??= new CsvReadOptions();
        return Source(
            new CsvFileFormat(schema, options),
            paths,
            new SourceSettings(
                [".csv", ".tsv", ".csv.gz", ".tsv.gz", ".csv.zst", ".tsv.zst"],
                false,
                options.AllowMissing,
                schema
            )
        );
    }

    /// <summary>A frame over files with one JSON object per line.</summary>
    /// <param name="path">A file, a directory or a pattern.</param>
    /// <param name="schema">Columns to read; null to detect them.</param>
    /// <param name="options">How the files are read.</param>
    /// <returns>A frame of one partition.</returns>
    public PondFrame ReadJsonLines(
        string path,
        PondSchema? schema = null,
        JsonReadOptions? options = null
    ) => ReadJsonLines([path], schema, options);

    /// <summary>A frame over files with one JSON object per line, which may be compressed (.gz, .zst).</summary>
    /// <param name="paths">Files, directories or patterns.</param>
    /// <param name="schema">
    /// Columns to read, missing fields are NULL; null to detect them from a sample of the files.
    /// </param>
    /// <param name="options">How the files are read.</param>
    /// <returns>A frame of one partition.</returns>
    public PondFrame ReadJsonLines(
        IEnumerable<string> paths,
        PondSchema? schema = null,
        JsonReadOptions? options = null
    )
    {
        options ??= new JsonReadOptions();
        return Source(
            new JsonFileFormat(schema, options),
            paths,
            new SourceSettings(
                [
                    ".jsonl",
                    ".ndjson",
                    ".json",
                    ".jsonl.gz",
                    ".ndjson.gz",
                    ".json.gz",
                    ".jsonl.zst",
                    ".ndjson.zst",
                    ".json.zst",
                ],
                false,
                options.AllowMissing,
                schema
            )
        );
    }

    /// <summary>
    /// A frame of objects: public properties become columns; numbers, strings and other single values become
    /// one column <c>item</c>. The items are read at once.
    /// </summary>
    /// <typeparam name="T">A record or class, or a single value.</typeparam>
    /// <param name="items">The rows.</param>
    /// <returns>A frame of one partition.</returns>
    public PondFrame FromItems<
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] T
    >(IEnumerable<T> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        var encoder = new RowEncoder<T>();
        var batches = new List<RecordBatch>();
        foreach (var item in items)
        {
            encoder.Append(item);
            if (encoder.Rows == 65_536 || encoder.IsLarge)
            {
                batches.Add(encoder.Build());
            }
        }

        if (encoder.Rows > 0)
        {
            batches.Add(encoder.Build());
        }

        return new PondFrame(new LiteralNode(this, new ArrowRows(encoder.Schema, batches)));
    }

    /// <summary>A frame of Arrow record batches.</summary>
    /// <param name="batches">At least one; all with the same columns. They must not be disposed or changed.</param>
    /// <returns>A frame of one partition.</returns>
    public PondFrame FromArrow(params IReadOnlyList<RecordBatch> batches)
    {
        ArgumentNullException.ThrowIfNull(batches);
        if (batches.Count == 0)
        {
            throw new ArgumentException(
                "batches: expected at least one batch, got none.",
                nameof(batches)
            );
        }

        var text = ArrowTypes.Describe(batches[0].Schema);
        foreach (var batch in batches)
        {
            var other = ArrowTypes.Describe(batch.Schema);
            if (other != text)
            {
                throw new ArgumentException(
                    $"batches: expected equal columns, got [{text}] and [{other}].",
                    nameof(batches)
                );
            }
        }

        return new PondFrame(new LiteralNode(this, new ArrowRows(batches[0].Schema, batches)));
    }

    /// <summary>
    /// Runs one query per partition. Inputs are <c>{0}</c>, <c>{1}</c> …; all have the same number of
    /// partitions, or one partition, which then goes to every query.
    /// </summary>
    /// <param name="sql">
    /// One SELECT statement. It may also name <c>{__data_partition__}</c>, <c>{partition_count}</c> and
    /// <c>{rand_seed}</c>; other braces belong to the query.
    /// </param>
    /// <param name="inputs">Frames of this session; none gives one partition.</param>
    /// <returns>The result, with the partitions of its inputs.</returns>
    /// <exception cref="PondPlanException">Partition counts differ or the query names an input that is missing.</exception>
    public PondFrame SqlPerPartition(string sql, params IReadOnlyList<PondFrame> inputs)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(sql);
        return new PondFrame(new SqlNode(this, sql, Nodes(inputs)));
    }

    /// <summary>Runs one query over all rows of the inputs, merged into one partition each.</summary>
    /// <param name="sql">One SELECT statement; inputs are <c>{0}</c>, <c>{1}</c> ….</param>
    /// <param name="inputs">Frames of this session.</param>
    /// <returns>A frame of one partition.</returns>
    public PondFrame SqlSinglePartition(string sql, params IReadOnlyList<PondFrame> inputs)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(sql);
        return new PondFrame(SqlNode.SinglePartition(this, sql, Nodes(inputs)));
    }

    /// <summary>Computes several frames in one go.</summary>
    /// <param name="frames">Frames of this session.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public async ValueTask WaitAllAsync(
        IEnumerable<PondFrame> frames,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(frames);
        await ComputeAsync(Nodes(frames.ToArray()), "compute", cancellationToken)
            .ConfigureAwait(false);
    }

    /// <summary>What each step has done so far.</summary>
    /// <returns>One entry per step that has run or was reused, in creation order.</returns>
    public IReadOnlyList<PondStage> GetStages() => Runtime.Statistics.Stages();

    /// <summary>
    /// Values measured by <see cref="PondFrame.Observe"/> and <see cref="PondFunctionContext.Observe"/>, summed
    /// over partitions. Each partition of a step counts with its latest result; for an output that an earlier
    /// run of the job has finished, that is what its manifest says until this run does the work again.
    /// </summary>
    /// <returns>Values by stage name, then by value name.</returns>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>> GetObservations() =>
        Runtime.Statistics.Observations();

    /// <summary>
    /// Stops running actions and removes temporary files. The whole job directory goes when the job had no
    /// identifier of its own and nothing failed.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _closing.CancelAsync().ConfigureAwait(false);
        // Waits for the workers, and so not here: this may be one of them, by a callback or by a continuation that runs inline.
        await Task.Run(Runtime.Dispose).ConfigureAwait(false);
        Runtime.Directory.Dispose();
        _closing.Dispose();
    }

    internal int NextNodeId() => Interlocked.Increment(ref _nodes);

    private PondFrame Source(FileFormat format, IEnumerable<string> paths, SourceSettings settings)
    {
        ArgumentNullException.ThrowIfNull(paths);
        var list = paths.ToArray();
        if (list.Length == 0 || list.Any(string.IsNullOrWhiteSpace))
        {
            throw new ArgumentException(
                "paths: expected at least one path and no empty ones.",
                nameof(paths)
            );
        }

        return new PondFrame(new SourceNode(this, format, list, settings));
    }

    private PlanNode[] Nodes(IReadOnlyList<PondFrame> frames)
    {
        ArgumentNullException.ThrowIfNull(frames);
        foreach (var frame in frames)
        {
            ArgumentNullException.ThrowIfNull(frame, nameof(frames));
            if (frame.Node.Session != this)
            {
                throw new ArgumentException(
                    "frames: expected frames of this session, got one of another session.",
                    nameof(frames)
                );
            }
        }

        return frames.Select(f => f.Node).ToArray();
    }
}
