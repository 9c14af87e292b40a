// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using DeepInfra.Fs.Cluster.KeyValue;
using DeepInfra.Fs.Wire;
using RocksDbSharp;

namespace DeepInfra.Fs.Cluster.Chunks;

/// <summary>
/// The index of a storage node: chunk records of all its targets in one RocksDB database. Commits that
/// arrive together share one flush of each data file and one synced log write (group commit).
/// </summary>
/// <remarks>
/// Order of a durable commit: data files are flushed, then the record is written with a synced log, then
/// readers see it, then the caller is answered. A crash before the log write leaves the old record and
/// its untouched block; after it, the new one.
/// </remarks>
internal sealed class ChunkIndex : IDisposable
{
    private const byte ChunkPrefix = (byte)'C';
    private const byte TargetPrefix = (byte)'T';
    private const byte NotePrefix = (byte)'U';
    private const int TargetBytes = 9;

    private readonly RocksDb _db;
    private readonly WriteOptions _writeOptions;
    private readonly DurabilityMode _durability;
    private readonly GroupCommit<Commit> _commits;
    private int _active;
    private int _disposed;

    public ChunkIndex(string directory, DurabilityMode durability)
    {
        Location = directory;
        _durability = durability;
        _db = RocksDatabase.Open(directory, durability);
        _writeOptions = RocksDatabase.WriteOptions(durability);
        _commits = new(WriteAll, durability == DurabilityMode.Fsync, "3fs chunk commits");
    }

    /// <summary>Directory of the database.</summary>
    public string Location { get; }

    /// <summary>Fault injection: called before a batch is written; an <see cref="IOException"/> fails the batch.</summary>
    public Action? BeforeWrite { get; set; }

    /// <summary>The record of a chunk, or null.</summary>
    public ChunkRecord? Find(ulong target, ChunkId chunk)
    {
        Span<byte> key = stackalloc byte[TargetBytes + chunk.Length];
        WriteKey(key, target, chunk);
        Enter();
        try
        {
            var value = _db.Get(key);
            return value is null ? null : ChunkRecord.Decode(value, chunk);
        }
        finally
        {
            Exit();
        }
    }

    /// <summary>
    /// Chunks in [<paramref name="begin"/>, <paramref name="end"/>) in descending order; null ends mean
    /// all chunks of the target. The enumeration is a snapshot.
    /// </summary>
    public IEnumerable<(ChunkId Id, ChunkRecord Record)> Descending(
        ulong target,
        ChunkId? begin,
        ChunkId? end
    )
    {
        var low = begin is { } b ? KeyOf(target, b) : TargetKey(ChunkPrefix, target);
        var high = end is { } e ? KeyOf(target, e) : TargetKey(ChunkPrefix, target + 1);
        Enter();
        try
        {
            using var iterator = _db.NewIterator();
            iterator.SeekForPrev(high);
            if (iterator.Valid() && iterator.GetKeySpan().SequenceEqual(high))
            {
                iterator.Prev();
            }
            while (iterator.Valid() && iterator.GetKeySpan().SequenceCompareTo(low) >= 0)
            {
                var id = new ChunkId(iterator.GetKeySpan()[TargetBytes..]);
                yield return (id, ChunkRecord.Decode(iterator.GetValueSpan(), id));
                // A long enumeration does not hold up the end of the node.
                ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
                iterator.Prev();
            }
            Native.Instance.rocksdb_iter_get_error(iterator.Handle);
        }
        finally
        {
            Exit();
        }
    }

    /// <summary>Settings of the targets stored here.</summary>
    public List<byte[]> Targets()
    {
        var result = new List<byte[]>();
        Enter();
        try
        {
            using var iterator = _db.NewIterator();
            iterator.Seek([TargetPrefix]);
            while (iterator.Valid() && iterator.GetKeySpan()[0] == TargetPrefix)
            {
                result.Add(iterator.Value());
                iterator.Next();
            }
            Native.Instance.rocksdb_iter_get_error(iterator.Handle);
        }
        finally
        {
            Exit();
        }
        return result;
    }

    /// <summary>Stores the settings of a target.</summary>
    public void PutTarget(ulong target, byte[] value)
    {
        Enter();
        try
        {
            _db.Put(TargetKey(TargetPrefix, target), value, null, _writeOptions);
        }
        finally
        {
            Exit();
        }
    }

    /// <summary>Deletes a target's settings and all its records.</summary>
    public void DeleteTarget(ulong target)
    {
        var begin = TargetKey(ChunkPrefix, target);
        var end = TargetKey(ChunkPrefix, target + 1);
        using var batch = new WriteBatch();
        batch.Delete(TargetKey(TargetPrefix, target));
        batch.DeleteRange(begin, (ulong)begin.Length, end, (ulong)end.Length);
        Enter();
        try
        {
            _db.Write(batch, _writeOptions);
        }
        finally
        {
            Exit();
        }
    }

    /// <summary>The note of a key, or null.</summary>
    public byte[]? FindNote(byte[] key)
    {
        Enter();
        try
        {
            return _db.Get(NoteKey(key));
        }
        finally
        {
            Exit();
        }
    }

    /// <summary>Forgets the note of a key; after a crash it may be there again.</summary>
    public void DeleteNote(byte[] key)
    {
        Enter();
        try
        {
            _db.Remove(NoteKey(key));
        }
        finally
        {
            Exit();
        }
    }

    /// <summary>Forgets the notes whose values satisfy a condition.</summary>
    public void ForgetNotes(Func<byte[], bool> condition)
    {
        Enter();
        try
        {
            using var batch = new WriteBatch();
            using var iterator = _db.NewIterator();
            iterator.Seek([NotePrefix]);
            while (iterator.Valid() && iterator.GetKeySpan()[0] == NotePrefix)
            {
                if (condition(iterator.Value()))
                {
                    batch.Delete(iterator.Key());
                }
                iterator.Next();
            }
            Native.Instance.rocksdb_iter_get_error(iterator.Handle);
            _db.Write(batch);
        }
        finally
        {
            Exit();
        }
    }

    /// <summary>
    /// Writes a record (or deletes it) durably, and its note in the same batch; <paramref name="apply"/> runs
    /// once that is done and before the task completes.
    /// </summary>
    /// <exception cref="ChunkStoreException">The data or the record could not be made durable.</exception>
    public Task CommitAsync(
        ulong target,
        ChunkId chunk,
        byte[]? record,
        WrittenBytes? written,
        IndexNote? note,
        Action apply
    )
    {
        return CommitAsync(new Commit(KeyOf(target, chunk), record, written, note, apply));
    }

    /// <summary>Writes a note durably, of an update that found nothing to do.</summary>
    /// <exception cref="ChunkStoreException">It could not be made durable.</exception>
    public Task PutNoteAsync(IndexNote note) =>
        CommitAsync(new Commit(null, null, null, note, static () => { }));

    private Task CommitAsync(Commit commit)
    {
        if (_commits.Add(commit))
        {
            _commits.WriteNext();
        }
        return commit.Completion.Task;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }
        _commits.Dispose();
        // The database is native: it must not go away under somebody who reads it.
        SpinWait.SpinUntil(() => Volatile.Read(ref _active) == 0);
        _db.Dispose();
    }

    private void Enter()
    {
        Interlocked.Increment(ref _active);
        if (Volatile.Read(ref _disposed) != 0)
        {
            Exit();
            throw new ObjectDisposedException(nameof(ChunkIndex));
        }
    }

    private void Exit() => Interlocked.Decrement(ref _active);

    private static byte[] TargetKey(byte prefix, ulong target)
    {
        var key = new byte[TargetBytes];
        key[0] = prefix;
        BinaryPrimitives.WriteUInt64BigEndian(key.AsSpan(1), target);
        return key;
    }

    private static byte[] NoteKey(byte[] key) => [NotePrefix, .. key];

    private static byte[] KeyOf(ulong target, ChunkId chunk)
    {
        var key = new byte[TargetBytes + chunk.Length];
        WriteKey(key, target, chunk);
        return key;
    }

    private static void WriteKey(Span<byte> key, ulong target, ChunkId chunk)
    {
        key[0] = ChunkPrefix;
        BinaryPrimitives.WriteUInt64BigEndian(key[1..], target);
        chunk.CopyTo(key[TargetBytes..]);
    }

    // Must not throw: whoever runs it has the commits of others in hand.
    private void WriteAll(List<Commit> batch)
    {
        if (_durability == DurabilityMode.Fsync)
        {
            batch = Flush(batch);
        }
        var failure = batch.Count == 0 ? null : Write(batch);
        foreach (var commit in batch)
        {
            if (failure is not null)
            {
                commit.Fail(failure);
                continue;
            }
            try
            {
                commit.Apply();
                commit.Completion.SetResult();
            }
            catch (Exception e)
            {
                commit.Completion.SetException(e);
            }
        }
    }

    /// <summary>Flushes the data files of a batch; those commits whose bytes may be lost fail.</summary>
    /// <returns>The commits whose bytes are on the device.</returns>
    private static List<Commit> Flush(List<Commit> commits)
    {
        var failures = new Dictionary<DataFile, ChunkStoreException>();
        foreach (var file in commits.Select(c => c.Written?.File).OfType<DataFile>().Distinct())
        {
            try
            {
                file.Flush();
            }
            catch (Exception e)
            {
                failures[file] = DataFiles.WriteFailed(file.Path, e);
            }
        }
        return commits.FindAll(commit =>
        {
            if (commit.Written is not { MayBeLost: true, File: var file })
            {
                return true;
            }
            commit.Fail(
                failures.GetValueOrDefault(file)
                    ?? new ChunkStoreException(
                        StatusCode.StorageChunkWriteFailed,
                        $"what was written to '{file.Path}' may be lost: flushing it failed meanwhile"
                    )
            );
            return false;
        });
    }

    private ChunkStoreException? Write(List<Commit> commits)
    {
        try
        {
            BeforeWrite?.Invoke();
            using var batch = new WriteBatch();
            foreach (var commit in commits)
            {
                if (commit.Key is { } key)
                {
                    _ = commit.Record is null ? batch.Delete(key) : batch.Put(key, commit.Record);
                }
                if (commit.Note is { } note)
                {
                    batch.Put(NoteKey(note.Key), note.Value);
                }
            }
            _db.Write(batch, _writeOptions);
            return null;
        }
        catch (IOException e)
        {
            return DataFiles.WriteFailed(Location, e);
        }
        catch (Exception e)
        {
            return new ChunkStoreException(
                e.Message.Contains("No space left", StringComparison.Ordinal)
                    ? StatusCode.StorageClientNoSpace
                    : StatusCode.StorageChunkMetadataSetError,
                $"cannot write the chunk index in '{Location}': {e.Message}",
                e
            )
            {
                IndexUncertain = true,
            };
        }
    }

    private sealed class Commit(
        byte[]? key,
        byte[]? record,
        WrittenBytes? written,
        IndexNote? note,
        Action apply
    )
    {
        public byte[]? Key { get; } = key;

        public byte[]? Record { get; } = record;

        public WrittenBytes? Written { get; } = written;

        public IndexNote? Note { get; } = note;

        public Action Apply { get; } = apply;

        public TaskCompletionSource Completion { get; } =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Ends the commit. Each gets an exception of its own: several callers throw them at once.</summary>
        public void Fail(ChunkStoreException failure) =>
            Completion.SetException(
                new ChunkStoreException(failure.Code, failure.Message, failure)
                {
                    IndexUncertain = failure.IndexUncertain,
                }
            );
    }
}
