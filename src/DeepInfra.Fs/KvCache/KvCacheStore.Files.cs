// SPDX-License-Identifier: MIT
using System.Buffers;

namespace DeepInfra.Fs.KvCache;

public sealed partial class KvCacheStore
{
    private long _bytesPut;
    private long _bytesFetched;
    private long _bytesEvicted;
    private long _hits;
    private long _misses;
    private long _damaged;

    /// <summary>Removes a value.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <returns>True when there was one.</returns>
    public async ValueTask<bool> DeleteAsync(
        ulong key,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        _known.TryRemove(key, out _);
        var packed = await _index.DeleteAsync(key, cancellationToken).ConfigureAwait(false);
        var file = await _fileSystem
            .DeleteAsync(PathOf(key), cancellationToken: cancellationToken)
            .ConfigureAwait(false);
        return packed >= 0 || file;
    }

    /// <summary>
    /// Removes values until at least a number of bytes is gone or nothing is left: first the least recently used of
    /// those that this process has put or fetched, then others in the order of their age.
    /// </summary>
    /// <param name="bytes">Bytes of values to remove.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <returns>Bytes of values removed.</returns>
    public async ValueTask<long> EvictAsync(
        long bytes,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        await _index.FlushAsync(cancellationToken).ConfigureAwait(false);
        long evicted = 0;
        // ToArray of the dictionary is a snapshot; sorting the live dictionary is not safe beside other tasks.
        foreach (var (key, use) in _known.ToArray().OrderBy(k => k.Value.LastUse))
        {
            if (evicted >= bytes)
            {
                break;
            }

            if (await EvictFileAsync(PathOf(key), cancellationToken).ConfigureAwait(false))
            {
                evicted += use.Length;
            }

            _known.TryRemove(key, out _);
        }

        if (evicted < bytes)
        {
            evicted += await _index
                .EvictAsync(bytes - evicted, cancellationToken)
                .ConfigureAwait(false);
        }

        if (evicted < bytes)
        {
            evicted += await EvictUnknownAsync(bytes - evicted, cancellationToken)
                .ConfigureAwait(false);
        }

        Interlocked.Add(ref _bytesEvicted, evicted);
        FsMetrics.KvBytesEvicted.Add(evicted);
        return evicted;
    }

    private async ValueTask<long> EvictUnknownAsync(long bytes, CancellationToken cancellationToken)
    {
        var files = new List<FileSystemEntry>();
        await foreach (
            var entry in _fileSystem
                .ListAsync(_root, recursive: true, cancellationToken)
                .ConfigureAwait(false)
        )
        {
            if (entry.Kind == FileSystemEntryKind.File && entry.Name.Length == 16)
            {
                files.Add(entry);
            }
        }

        long evicted = 0;
        foreach (var file in files.OrderBy(f => f.LastModified))
        {
            if (evicted >= bytes)
            {
                break;
            }

            if (await EvictFileAsync(file.Path, cancellationToken).ConfigureAwait(false))
            {
                evicted += Math.Max(0, file.Length - KvRecordHeader.Bytes);
            }
        }

        return evicted;
    }

    private ValueTask<bool> EvictFileAsync(string path, CancellationToken cancellationToken) =>
        _fileSystem.DeleteAsync(path, cancellationToken: cancellationToken);

    private async ValueTask PutFileAsync(KvCacheItem item, CancellationToken cancellationToken)
    {
        var path = PathOf(item.Key);
        var folder = FileSystemPath.GetParent(path);
        if (!_folders.ContainsKey(folder))
        {
            await _fileSystem.CreateDirectoryAsync(folder, cancellationToken).ConfigureAwait(false);
            _folders.TryAdd(folder, 0);
        }

        var length = KvRecordHeader.Bytes + item.Value.Length;
        var buffer = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            KvRecordHeader
                .Create(item.Key, ExpiryOf(item.TimeToLive), item.Value.Span)
                .Write(buffer);
            item.Value.CopyTo(buffer.AsMemory(KvRecordHeader.Bytes));
            await _fileSystem
                .ReplaceAsync(path, buffer.AsMemory(0, length), flush: false, cancellationToken)
                .ConfigureAwait(false);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        // The key may have had a packed value before.
        await _index.DeleteAsync(item.Key, cancellationToken).ConfigureAwait(false);
        _known[item.Key] = new KvUse(item.Value.Length, Interlocked.Increment(ref _clock));
        CountPut(item.Value.Length);
    }

    /// <summary>Fetches a value into memory that the caller provides for its length; -1 when there is none.</summary>
    private async ValueTask<int> FetchAsync(
        ulong key,
        Func<int, Memory<byte>> provide,
        CancellationToken cancellationToken
    )
    {
        var length = await FetchPackedAsync(key, provide, cancellationToken).ConfigureAwait(false);
        if (length < 0)
        {
            length = await FetchFileAsync(key, provide, cancellationToken).ConfigureAwait(false);
        }

        if (length < 0 && await RefreshIfDueAsync(cancellationToken).ConfigureAwait(false))
        {
            length = await FetchPackedAsync(key, provide, cancellationToken).ConfigureAwait(false);
        }

        CountFetched(length);
        return length;
    }

    private async ValueTask<int> FetchPackedAsync(
        ulong key,
        Func<int, Memory<byte>> provide,
        CancellationToken cancellationToken
    )
    {
        if (!_index.TryFind(key, out var pending, out var location))
        {
            return -1;
        }

        if (pending.Value is { } waiting)
        {
            if (IsExpired(pending.Expiry))
            {
                return -1;
            }

            waiting.CopyTo(provide(waiting.Length));
            return waiting.Length;
        }

        if (IsExpired(location.Expiry))
        {
            await _index.DeleteAsync(key, cancellationToken).ConfigureAwait(false);
            return -1;
        }

        var destination = provide(location.Length)[..location.Length];
        try
        {
            var state = await ReadRecordAsync(
                    location.Segment.File,
                    location.Offset,
                    key,
                    destination,
                    cancellationToken
                )
                .ConfigureAwait(false);
            return state == RecordState.Intact
                ? location.Length
                : await DropAsync(key, state, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is ObjectDisposedException or FileNotFoundException)
        {
            // The segment was evicted since it was found in the index.
            return -1;
        }
    }

    private async ValueTask<int> FetchFileAsync(
        ulong key,
        Func<int, Memory<byte>> provide,
        CancellationToken cancellationToken
    )
    {
        FileHandle file;
        try
        {
            file = await _fileSystem
                .OpenReadAsync(PathOf(key), cancellationToken)
                .ConfigureAwait(false);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            _known.TryRemove(key, out _);
            return -1;
        }

        await using (file.ConfigureAwait(false))
        {
            var length = (int)Math.Min(file.Length, int.MaxValue) - KvRecordHeader.Bytes;
            if (length < 0)
            {
                return await DropAsync(key, RecordState.Damaged, cancellationToken)
                    .ConfigureAwait(false);
            }

            var destination = provide(length)[..length];
            var state = await ReadRecordAsync(file, 0, key, destination, cancellationToken)
                .ConfigureAwait(false);
            if (state != RecordState.Intact)
            {
                return await DropAsync(key, state, cancellationToken).ConfigureAwait(false);
            }

            _known[key] = new KvUse(length, Interlocked.Increment(ref _clock));
            return length;
        }
    }

    /// <summary>Reads a header and its value as one batch.</summary>
    private async ValueTask<RecordState> ReadRecordAsync(
        FileHandle file,
        long offset,
        ulong key,
        Memory<byte> value,
        CancellationToken cancellationToken
    )
    {
        var header = new FileRead(offset, new byte[KvRecordHeader.Bytes]);
        var body = new FileRead(offset + KvRecordHeader.Bytes, value);
        await file.ReadBatchAsync([header, body], cancellationToken).ConfigureAwait(false);
        if (
            !KvRecordHeader.TryRead(header.Buffer.Span[..header.BytesRead], out var record)
            || record.Key != key
            || !record.Matches(value.Span[..body.BytesRead])
        )
        {
            return RecordState.Damaged;
        }

        return IsExpired(record.Expiry) ? RecordState.Expired : RecordState.Intact;
    }

    private async ValueTask<int> DropAsync(
        ulong key,
        RecordState state,
        CancellationToken cancellationToken
    )
    {
        if (state == RecordState.Damaged)
        {
            Interlocked.Increment(ref _damaged);
        }

        await DeleteAsync(key, cancellationToken).ConfigureAwait(false);
        return -1;
    }

    /// <summary>Looks for new segments unless that was done a moment ago; true when it did.</summary>
    private async ValueTask<bool> RefreshIfDueAsync(CancellationToken cancellationToken)
    {
        var last = Interlocked.Read(ref _lastRefresh);
        var now = _options.TimeProvider.GetTimestamp();
        if (
            _options.TimeProvider.GetElapsedTime(last, now) < _options.RefreshInterval
            || Interlocked.CompareExchange(ref _lastRefresh, now, last) != last
        )
        {
            return false;
        }

        await _index.RefreshAsync(cancellationToken).ConfigureAwait(false);
        return true;
    }

    private void CountPut(int bytes)
    {
        Interlocked.Add(ref _bytesPut, bytes);
        FsMetrics.KvBytesPut.Add(bytes);
    }

    private void CountFetched(int length)
    {
        if (length < 0)
        {
            Interlocked.Increment(ref _misses);
            FsMetrics.KvMisses.Add(1);
            return;
        }

        Interlocked.Increment(ref _hits);
        Interlocked.Add(ref _bytesFetched, length);
        FsMetrics.KvHits.Add(1);
        FsMetrics.KvBytesFetched.Add(length);
    }

    private enum RecordState
    {
        Intact,
        Expired,
        Damaged,
    }

    /// <summary>Length and last use of a value that has a file of its own.</summary>
    private readonly record struct KvUse(int Length, long LastUse);
}
