// SPDX-License-Identifier: MIT
using DeepInfra.Fs;
using DeepInfra.Pond.Execution;
using Microsoft.Extensions.Logging;

namespace DeepInfra.Pond;

/// <summary>
/// Options of a <see cref="PondSession"/>. The defaults work: a fresh job in the user's data directory on
/// all cores of the machine. Options win over environment variables.
/// </summary>
public sealed record PondOptions
{
    /// <summary>
    /// Identifies the job. A second session with the same identifier and data root resumes the first: it
    /// reuses committed results. Letters, digits, <c>-</c>, <c>_</c> and <c>.</c>. When null, a random
    /// identifier is drawn and the job directory is removed after success.
    /// </summary>
    public string? JobId { get; init; }

    /// <summary>Display name of the job.</summary>
    public string? JobName { get; init; }

    /// <summary>
    /// Local directory for intermediate results. Default: environment variable
    /// <c>DEEPINFRA_POND_DATA_ROOT</c>, else <c>deepinfra/pond</c> in the user's local application data.
    /// </summary>
    public string? DataRoot { get; init; }

    /// <summary>
    /// Local directory where DuckDB spills and remote files are staged. Default: environment variable
    /// <c>DEEPINFRA_POND_SPILL_DIR</c>, else <c>temp</c> in the job directory. Only a new subdirectory is
    /// used, and it is removed at the end.
    /// </summary>
    public string? SpillDirectory { get; init; }

    /// <summary>
    /// Most bytes that the job may spill at any time, 0 for none. Each running task has an equal part of it, one
    /// of <see cref="Cores"/> + 1. Default: half of the free space.
    /// </summary>
    public long? MaxSpillBytes { get; init; }

    /// <summary>CPU cores that running tasks share. Default: the processors this process may use.</summary>
    public int? Cores { get; init; }

    /// <summary>
    /// Bytes of memory that running tasks share. Default: 80 % of what the process may use (container
    /// limits are honoured). Each task gets its share in proportion to its cores.
    /// </summary>
    public long? MemoryBudget { get; init; }

    /// <summary>Seed of every random choice. Default: random; it is stored in <c>plan.json</c>.</summary>
    public long? RandomSeed { get; init; }

    /// <summary>Hash for <see cref="PondFrame.RepartitionByHash"/>.</summary>
    public HashKind HashKind { get; init; } = HashKind.DuckDb;

    /// <summary>Failures that one task may have before the job stops. Permanent errors stop it at once.</summary>
    public int MaxFailures { get; init; } = 3;

    /// <summary>Stop at the first failure of any task.</summary>
    public bool FailFast { get; init; }

    /// <summary>Pause before a task is tried again; doubles with every attempt.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Check of input files.</summary>
    public InputVerification VerifyInputs { get; init; } = InputVerification.Size;

    /// <summary>What is forced to disk before publication.</summary>
    public Durability Durability { get; init; } = Durability.Data;

    /// <summary>Who may reuse committed results.</summary>
    public CacheScope CacheScope { get; init; } = CacheScope.Job;

    /// <summary>Keep intermediate results instead of deleting them after their last use.</summary>
    public bool KeepIntermediates { get; init; }

    /// <summary>Keep zero-row files in written outputs that have other files.</summary>
    public bool KeepEmptyFiles { get; init; }

    /// <summary>Give idle cores to running tasks when fewer tasks are ready than cores are free.</summary>
    public bool BoostFinalPhase { get; init; } = true;

    /// <summary>Fuse chains of SQL steps into one query.</summary>
    public bool FuseSql { get; init; } = true;

    /// <summary>Format of written results and of stored results.</summary>
    public ParquetWriteOptions Parquet { get; init; } = new();

    /// <summary>
    /// Format of files that carry rows between the two sides of a repartition. They are written once and
    /// read once, so the default favours speed: LZ4 and small dictionaries. These are upper bounds: row groups
    /// and dictionaries become smaller where the memory of a task demands it, and where neither has made the
    /// Parquet input of a task smaller the rows are stored as they are.
    /// </summary>
    public ParquetWriteOptions ShuffleParquet { get; init; } =
        new() { Compression = ParquetCompression.Lz4, MaxDictionaryValues = 4096 };

    /// <summary>Rows per record batch that a function receives, unless the call says otherwise.</summary>
    public int BatchRows { get; init; } = 122_880;

    /// <summary>
    /// File systems by scheme: with the entry <c>3fs</c>, the path <c>3fs://corpus/a.jsonl.gz</c> is
    /// <c>corpus/a.jsonl.gz</c> on that file system. Files without a local path are staged.
    /// </summary>
    public IReadOnlyDictionary<string, IFileSystem> Mounts { get; init; } =
        new Dictionary<string, IFileSystem>();

    /// <summary>
    /// Bytes of staged input files that are kept for later tasks; files in use may exceed it.
    /// </summary>
    public long StagingBytes { get; init; } = 4L << 30;

    /// <summary>Receives progress at most four times a second and once at the end of each action.</summary>
    public IProgress<PondProgress>? Progress { get; init; }

    /// <summary>Receives log messages. Default: none.</summary>
    public ILoggerFactory? LoggerFactory { get; init; }

    /// <summary>Source of time for file stamps.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Lets tests fail attempts at chosen points.</summary>
    internal Action<FaultPoint, string>? FaultHook { get; init; }

    /// <summary>Lets tests lose files of a partitioned write.</summary>
    internal Func<List<Engine.WrittenFile>, List<Engine.WrittenFile>>? ShuffleHook { get; init; }

    internal void Validate()
    {
        if (
            JobId is not null
            && (JobId.Length is 0 or > 100 || !JobId.All(IsIdChar) || JobId[0] == '.')
        )
        {
            throw new PondConfigurationException(
                $"JobId: expected 1 to 100 letters, digits, '-', '_' or '.', got '{JobId}'."
            );
        }

        Require(Cores is null or >= 1, nameof(Cores), "at least 1", Cores);
        Require(
            MemoryBudget is null or >= MinTaskMemory,
            nameof(MemoryBudget),
            $"at least {MinTaskMemory} bytes",
            MemoryBudget
        );
        Require(MaxSpillBytes is null or >= 0, nameof(MaxSpillBytes), "at least 0", MaxSpillBytes);
        Require(MaxFailures >= 0, nameof(MaxFailures), "at least 0", MaxFailures);
        Require(BatchRows >= 1, nameof(BatchRows), "at least 1", BatchRows);
        Require(RetryDelay >= TimeSpan.Zero, nameof(RetryDelay), "not negative", RetryDelay);
        Parquet.Validate(nameof(Parquet));
        ShuffleParquet.Validate(nameof(ShuffleParquet));
    }

    internal const long MinTaskMemory = 16L << 20;

    private static bool IsIdChar(char c) => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.';

    private static void Require(bool condition, string name, string expected, object? actual)
    {
        if (!condition)
        {
            throw new PondConfigurationException(
                FormattableString.Invariant($"{name}: expected {expected}, got {actual}.")
            );
        }
    }
}
