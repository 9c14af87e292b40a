// SPDX-License-Identifier: MIT
using RocksDbSharp;

namespace DeepInfra.Fs.Cluster.KeyValue;

/// <summary>
/// An ordered key-value store with serialisable transactions on RocksDB. Transactions that commit at
/// the same time are validated one after the other and written as one synced batch (group commit).
/// </summary>
/// <remarks>
/// Thread-safe. RocksDB's own optimistic transactions track single keys only; directory emptiness and
/// listings need ranges, so validation is done here (see docs/adr/0001-embedded-metadata-store.md).
/// </remarks>
internal sealed class KeyValueStore : IDisposable
{
    private const int MaxAttempts = 200;

    private readonly string _directory;
    private readonly RocksDb _db;
    private readonly WriteOptions _writeOptions;
    private readonly Lock _commitLock = new();
    private readonly ConflictWindow _window = new();
    private readonly GroupCommit<PendingCommit> _commits;
    private ulong _applied;
    private int _active;
    private int _disposed;

    private KeyValueStore(string directory, RocksDb db, DurabilityMode durability)
    {
        _directory = directory;
        _db = db;
        _writeOptions = RocksDatabase.WriteOptions(durability);
        _commits = new(Write, durability == DurabilityMode.Fsync, "3fs metadata commits");
    }

    /// <summary>Opens or creates the store in a directory.</summary>
    /// <exception cref="ClusterStorageException">The store cannot be opened.</exception>
    public static KeyValueStore Open(string directory, DurabilityMode durability) =>
        new(directory, RocksDatabase.Open(directory, durability), durability);

    /// <summary>Starts a transaction on the newest applied state.</summary>
    public KeyValueTransaction Begin()
    {
        Interlocked.Increment(ref _active);
        if (Volatile.Read(ref _disposed) != 0)
        {
            Release();
            throw new ObjectDisposedException(nameof(KeyValueStore));
        }
        // The version is read first: the snapshot may then hold more than it says, which costs a
        // needless conflict at worst, never a missed one.
        var version = Volatile.Read(ref _applied);
        return new KeyValueTransaction(this, _db.CreateSnapshot(), version);
    }

    /// <summary>Runs a read-only body on one snapshot.</summary>
    public T Read<T>(Func<KeyValueTransaction, T> body)
    {
        using var transaction = Begin();
        return body(transaction);
    }

    /// <summary>
    /// Runs a body and commits it; on a conflict everything is repeated on a fresh snapshot. The body
    /// may run several times and must have no effect but its writes.
    /// </summary>
    /// <exception cref="KeyValueConflictException">The body lost against other writers again and again.</exception>
    /// <exception cref="ClusterStorageException">The store cannot be written.</exception>
    public ValueTask<T> WriteAsync<T>(
        Func<KeyValueTransaction, T> body,
        CancellationToken cancellationToken = default
    ) => WriteAsync(t => new ValueTask<T>(body(t)), cancellationToken);

    /// <summary>As the other one, with a body that waits for what it needs while its snapshot is held.</summary>
    public async ValueTask<T> WriteAsync<T>(
        Func<KeyValueTransaction, ValueTask<T>> body,
        CancellationToken cancellationToken = default
    )
    {
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var transaction = Begin();
            var result = await body(transaction).ConfigureAwait(false);
            if (await CommitAsync(transaction).ConfigureAwait(false))
            {
                return result;
            }
            ClusterMetrics.Conflicts.Add(1);
            if (attempt > 4)
            {
                await Task.Delay(Random.Shared.Next(1, 2 + (attempt / 4)), cancellationToken)
                    .ConfigureAwait(false);
            }
        }
        throw new KeyValueConflictException($"transaction gave up after {MaxAttempts} conflicts");
    }

    /// <summary>Waits for running transactions and closes the database.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }
        // However long a slow disk makes it: the database is native and must not go away under a transaction.
        SpinWait.SpinUntil(() => Volatile.Read(ref _active) == 0);
        _commits.Dispose();
        _db.Dispose();
    }

    internal byte[]? Read(byte[] key, ReadOptions options) => _db.Get(key, null, options);

    internal Iterator NewIterator(ReadOptions options) => _db.NewIterator(null, options);

    internal void Release() => Interlocked.Decrement(ref _active);

    internal ValueTask<bool> CommitAsync(KeyValueTransaction transaction)
    {
        if (transaction.Writes.Count == 0)
        {
            return new ValueTask<bool>(true);
        }
        var commit = new PendingCommit(transaction.Writes);
        bool leads;
        lock (_commitLock)
        {
            if (
                _window.Conflicts(transaction.Version, transaction.ReadKeys, transaction.ReadRanges)
            )
            {
                return new ValueTask<bool>(false);
            }
            commit.Sequence = _window.Add([.. transaction.Writes.Keys]);
            // Inside the lock, so that commits are applied in the order of their numbers: a snapshot that
            // knows one of them then knows all before it.
            leads = _commits.Add(commit);
        }
        if (leads)
        {
            _commits.WriteNext();
        }
        return new ValueTask<bool>(commit.Completion.Task);
    }

    private void Write(List<PendingCommit> commits)
    {
        var failure = WriteBatch(commits);
        ClusterMetrics.Commits.Add(failure is null ? commits.Count : 0);
        foreach (var commit in commits)
        {
            if (failure is null)
            {
                commit.Completion.SetResult(true);
            }
            else
            {
                commit.Completion.SetException(Failed(failure));
            }
        }
    }

    private RocksDbSharpException? WriteBatch(List<PendingCommit> commits)
    {
        using var batch = new WriteBatch();
        foreach (var commit in commits)
        {
            foreach (var (key, value) in commit.Writes)
            {
                _ = value is null ? batch.Delete(key) : batch.Put(key, value);
            }
        }
        try
        {
            _db.Write(batch, _writeOptions);
            Volatile.Write(ref _applied, commits[^1].Sequence);
            return null;
        }
        catch (RocksDbSharpException e)
        {
            return e;
        }
    }

    private ClusterStorageException Failed(Exception cause) =>
        new($"the store in '{_directory}' cannot be written: {cause.Message}", cause);

    private sealed class PendingCommit(IReadOnlyDictionary<byte[], byte[]?> writes)
    {
        public IReadOnlyDictionary<byte[], byte[]?> Writes { get; } = writes;

        public ulong Sequence { get; set; }

        public TaskCompletionSource<bool> Completion { get; } =
            new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
