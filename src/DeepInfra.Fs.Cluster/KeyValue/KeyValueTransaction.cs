// SPDX-License-Identifier: MIT
using RocksDbSharp;

namespace DeepInfra.Fs.Cluster.KeyValue;

/// <summary>
/// One optimistic transaction: reads see the snapshot taken at its start overlaid with its own writes;
/// keys and ranges read are checked when it commits.
/// </summary>
/// <remarks>Not thread-safe. Dispose it whether or not it was committed.</remarks>
internal sealed class KeyValueTransaction : IDisposable
{
    private readonly KeyValueStore _store;
    private readonly Snapshot _snapshot;
    private readonly ReadOptions _options;
    private readonly HashSet<byte[]> _readKeys = new(ByteComparer.Instance);
    private readonly List<KeyRange> _readRanges = [];
    private readonly SortedDictionary<byte[], byte[]?> _writes = new(ByteComparer.Instance);

    private bool _disposed;

    public KeyValueTransaction(KeyValueStore store, Snapshot snapshot, ulong version)
    {
        _store = store;
        _snapshot = snapshot;
        Version = version;
        _options = new ReadOptions().SetSnapshot(snapshot);
    }

    /// <summary>Every commit up to this sequence number is visible.</summary>
    public ulong Version { get; }

    /// <summary>Writes so far; a null value deletes the key.</summary>
    public IReadOnlyDictionary<byte[], byte[]?> Writes => _writes;

    internal HashSet<byte[]> ReadKeys => _readKeys;

    internal List<KeyRange> ReadRanges => _readRanges;

    /// <summary>The value of a key, or null. A later change of the key by another transaction is a conflict.</summary>
    public byte[]? Get(byte[] key)
    {
        if (_writes.TryGetValue(key, out var value))
        {
            return value;
        }
        _readKeys.Add(key);
        return _store.Read(key, _options);
    }

    /// <summary>Like <see cref="Get"/>, but a later change of the key is not a conflict.</summary>
    public byte[]? GetWithoutConflict(byte[] key) =>
        _writes.TryGetValue(key, out var value) ? value : _store.Read(key, _options);

    /// <summary>Makes a later change of the key by another transaction a conflict.</summary>
    public void AddReadConflict(byte[] key) => _readKeys.Add(key);

    /// <summary>Sets a key.</summary>
    public void Put(byte[] key, byte[] value) => _writes[key] = value;

    /// <summary>Deletes a key; a missing key is fine.</summary>
    public void Delete(byte[] key) => _writes[key] = null;

    /// <summary>
    /// Reads the range in ascending order, at most <paramref name="limit"/> entries. The part of the
    /// range that was looked at joins the conflict check unless <paramref name="conflict"/> is false.
    /// </summary>
    public List<KeyValuePair<byte[], byte[]>> Scan(KeyRange range, int limit, bool conflict = true)
    {
        var result = new List<KeyValuePair<byte[], byte[]>>(Math.Min(limit, 256));
        using var own = WritesIn(range).GetEnumerator();
        var hasOwn = own.MoveNext();
        using var stored = _store.NewIterator(_options);
        stored.Seek(range.Begin);
        while (result.Count < limit)
        {
            var inRange = stored.Valid() && stored.GetKeySpan().SequenceCompareTo(range.End) < 0;
            if (!inRange && !hasOwn)
            {
                break;
            }
            var order =
                !inRange ? 1
                : !hasOwn ? -1
                : stored.GetKeySpan().SequenceCompareTo(own.Current.Key);
            if (order < 0)
            {
                result.Add(new(stored.Key(), stored.Value()));
                stored.Next();
                continue;
            }
            if (own.Current.Value is { } value)
            {
                result.Add(new(own.Current.Key, value));
            }
            if (order == 0)
            {
                stored.Next();
            }
            hasOwn = own.MoveNext();
        }
        Native.Instance.rocksdb_iter_get_error(stored.Handle);
        if (conflict)
        {
            var end = result.Count == limit ? After(result[^1].Key) : range.End;
            _readRanges.Add(range with { End = end });
        }
        return result;
    }

    /// <summary>Whether no key of the range exists.</summary>
    public bool IsEmpty(KeyRange range) => Scan(range, 1).Count == 0;

    /// <summary>Validates and applies the writes atomically.</summary>
    /// <returns>False when a conflict forbids the commit; nothing was written then.</returns>
    public ValueTask<bool> CommitAsync() => _store.CommitAsync(this);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }
        _disposed = true;
        _snapshot.Dispose();
        _store.Release();
    }

    private static byte[] After(byte[] key)
    {
        var next = new byte[key.Length + 1];
        key.CopyTo(next, 0);
        return next;
    }

    private IEnumerable<KeyValuePair<byte[], byte[]?>> WritesIn(KeyRange range) =>
        _writes.Where(w => range.Contains(w.Key));
}
