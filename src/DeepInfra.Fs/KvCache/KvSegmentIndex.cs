// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace DeepInfra.Fs.KvCache;

/// <summary>
/// The packed values of a store: those that wait in memory for their segment, and the index of the segments on the
/// file system. Deletions of single keys are kept in a side file of their segment, which is dropped with its last
/// key.
/// </summary>
internal sealed class KvSegmentIndex(IFileSystem fileSystem, string root, int segmentBytes)
    : IAsyncDisposable
{
    private const string Suffix = ".seg";
    private const string DeletedSuffix = ".del";

    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, KvLocation> _locations = [];
    private readonly Dictionary<ulong, KvPending> _pending = [];
    private readonly Dictionary<string, KvSegment> _segments = [];
    private readonly SemaphoreSlim _fileLock = new(1, 1);
    private long _pendingBytes;
    private long _clock;
    private bool _folderExists;

    private string Folder { get; } = FileSystemPath.Combine(root, "segments");

    /// <summary>Bytes of values that wait for their segment.</summary>
    public long PendingBytes
    {
        get
        {
            lock (_lock)
            {
                return _pendingBytes;
            }
        }
    }

    /// <summary>Finds segments that are not in the index yet.</summary>
    public async ValueTask RefreshAsync(CancellationToken cancellationToken)
    {
        await _fileLock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!_folderExists)
            {
                await fileSystem
                    .CreateDirectoryAsync(Folder, cancellationToken)
                    .ConfigureAwait(false);
                _folderExists = true;
            }

            var names = new HashSet<string>();
            await foreach (
                var entry in fileSystem
                    .ListAsync(Folder, cancellationToken: cancellationToken)
                    .ConfigureAwait(false)
            )
            {
                if (entry.Name.EndsWith(Suffix, StringComparison.Ordinal))
                {
                    names.Add(entry.Path);
                }
            }

            foreach (var path in names.Order(StringComparer.Ordinal))
            {
                if (!_segments.ContainsKey(path))
                {
                    await AddAsync(path, cancellationToken).ConfigureAwait(false);
                }
            }

            foreach (var gone in _segments.Keys.Where(p => !names.Contains(p)).ToList())
            {
                await ForgetAsync(_segments[gone]).ConfigureAwait(false);
            }
        }
        finally
        {
            _fileLock.Release();
        }
    }

    public void Add(KvPending value)
    {
        lock (_lock)
        {
            RemovePending(value.Key);
            _pending[value.Key] = value;
            _pendingBytes += value.Value.Length;
        }
    }

    public bool TryFind(ulong key, out KvPending pending, out KvLocation location)
    {
        lock (_lock)
        {
            location = default;
            if (_pending.TryGetValue(key, out pending))
            {
                return true;
            }

            if (!_locations.TryGetValue(key, out location))
            {
                return false;
            }

            location.Segment.LastUse = ++_clock;
            return true;
        }
    }

    /// <summary>Writes the waiting values, as one segment unless they are more than one may hold.</summary>
    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        await _fileLock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            List<KvPending> waiting;
            lock (_lock)
            {
                waiting = [.. _pending.Values];
            }

            for (var start = 0; start < waiting.Count; )
            {
                var bytes = 0L;
                var end = start;
                while (end < waiting.Count && bytes < segmentBytes)
                {
                    bytes += waiting[end++].Value.Length + KvSegment.BytesBesideValue;
                }

                await WriteAsync(waiting[start..end], cancellationToken).ConfigureAwait(false);
                start = end;
            }
        }
        finally
        {
            _fileLock.Release();
        }
    }

    private async ValueTask WriteAsync(List<KvPending> records, CancellationToken cancellationToken)
    {
        var path = FileSystemPath.Combine(
            Folder,
            $"{DateTime.UtcNow:yyyyMMddHHmmssfffffff}-{Guid.NewGuid():N}{Suffix}"
        );
        await fileSystem
            .ReplaceAsync(path, KvSegment.Build(records), flush: false, cancellationToken)
            .ConfigureAwait(false);
        await AddAsync(path, cancellationToken).ConfigureAwait(false);
        lock (_lock)
        {
            foreach (var record in records)
            {
                // A newer value for the key may have arrived while the segment was written.
                if (
                    _pending.TryGetValue(record.Key, out var current)
                    && ReferenceEquals(current.Value, record.Value)
                )
                {
                    RemovePending(record.Key);
                }
            }
        }
    }

    /// <summary>Removes a key; returns the length of its value, or -1 when it is not packed here.</summary>
    public async ValueTask<long> DeleteAsync(ulong key, CancellationToken cancellationToken)
    {
        await _fileLock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            KvLocation location;
            long length = -1;
            lock (_lock)
            {
                if (_pending.TryGetValue(key, out var pending))
                {
                    length = pending.Value.Length;
                    RemovePending(key);
                }

                if (!_locations.Remove(key, out location))
                {
                    return length;
                }

                location.Segment.LiveKeys.Remove(key);
                location.Segment.LiveBytes -= location.Length;
            }

            if (location.Segment.LiveKeys.Count == 0)
            {
                await DeleteFilesAsync(location.Segment, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                await AppendDeletedAsync(location.Segment.Path, key, cancellationToken)
                    .ConfigureAwait(false);
            }

            return location.Length;
        }
        finally
        {
            _fileLock.Release();
        }
    }

    /// <summary>Deletes whole segments, the least recently used first, until enough bytes are gone.</summary>
    /// <returns>Bytes of values deleted.</returns>
    public async ValueTask<long> EvictAsync(long bytes, CancellationToken cancellationToken)
    {
        await _fileLock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            long evicted = 0;
            while (evicted < bytes)
            {
                KvSegment? oldest;
                lock (_lock)
                {
                    oldest = _segments.Values.MinBy(s => s.LastUse);
                }

                if (oldest is null)
                {
                    break;
                }

                evicted += oldest.LiveBytes;
                await DeleteFilesAsync(oldest, cancellationToken).ConfigureAwait(false);
            }

            return evicted;
        }
        finally
        {
            _fileLock.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _fileLock.WaitAsync().ConfigureAwait(false);
        foreach (var segment in _segments.Values.ToList())
        {
            await ForgetAsync(segment).ConfigureAwait(false);
        }

        _fileLock.Dispose();
    }

    private async ValueTask AddAsync(string path, CancellationToken cancellationToken)
    {
        FileHandle file;
        try
        {
            file = await fileSystem.OpenReadAsync(path, cancellationToken).ConfigureAwait(false);
        }
        catch (FileNotFoundException)
        {
            return;
        }

        var segment = new KvSegment(path, file);
        List<KvLocation> locations;
        HashSet<ulong> deleted;
        try
        {
            locations = await segment.ReadIndexAsync(cancellationToken).ConfigureAwait(false) ?? [];
            deleted = await ReadDeletedAsync(path, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await file.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        lock (_lock)
        {
            segment.LastUse = ++_clock;
            _segments[path] = segment;
            foreach (var location in locations)
            {
                if (deleted.Contains(location.Key))
                {
                    continue;
                }

                // Segments are added in the order of their names, that is of time: the newer value wins.
                if (_locations.TryGetValue(location.Key, out var older))
                {
                    older.Segment.LiveKeys.Remove(location.Key);
                    older.Segment.LiveBytes -= older.Length;
                }

                _locations[location.Key] = location;
                segment.LiveKeys.Add(location.Key);
                segment.LiveBytes += location.Length;
            }
        }
    }

    private async ValueTask ForgetAsync(KvSegment segment)
    {
        lock (_lock)
        {
            _segments.Remove(segment.Path);
            foreach (var key in segment.LiveKeys)
            {
                _locations.Remove(key);
            }
        }

        await segment.File.DisposeAsync().ConfigureAwait(false);
    }

    private async ValueTask DeleteFilesAsync(KvSegment segment, CancellationToken cancellationToken)
    {
        await ForgetAsync(segment).ConfigureAwait(false);
        await fileSystem
            .DeleteAsync(segment.Path, cancellationToken: cancellationToken)
            .ConfigureAwait(false);
        await fileSystem
            .DeleteAsync(segment.Path + DeletedSuffix, cancellationToken: cancellationToken)
            .ConfigureAwait(false);
    }

    private async ValueTask AppendDeletedAsync(
        string path,
        ulong key,
        CancellationToken cancellationToken
    )
    {
        var deleted = await ReadDeletedAsync(path, cancellationToken).ConfigureAwait(false);
        deleted.Add(key);
        var bytes = new byte[deleted.Count * sizeof(ulong)];
        var position = 0;
        foreach (var entry in deleted)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(position), entry);
            position += sizeof(ulong);
        }

        await fileSystem
            .ReplaceAsync(path + DeletedSuffix, bytes, flush: false, cancellationToken)
            .ConfigureAwait(false);
    }

    private async ValueTask<HashSet<ulong>> ReadDeletedAsync(
        string path,
        CancellationToken cancellationToken
    )
    {
        var bytes = await fileSystem
            .TryReadAllBytesAsync(path + DeletedSuffix, cancellationToken)
            .ConfigureAwait(false);
        var keys = new HashSet<ulong>();
        for (var i = 0; bytes is not null && i + sizeof(ulong) <= bytes.Length; i += sizeof(ulong))
        {
            keys.Add(BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(i)));
        }

        return keys;
    }

    private void RemovePending(ulong key)
    {
        if (_pending.Remove(key, out var old))
        {
            _pendingBytes -= old.Value.Length;
        }
    }
}
