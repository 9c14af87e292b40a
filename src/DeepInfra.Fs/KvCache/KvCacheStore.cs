// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;

namespace DeepInfra.Fs.KvCache;

/// <summary>
/// A store for the blocks of a transformer's KV cache on a file system, so that prefixes computed once can be fetched
/// back after they were dropped from memory, by this process or another. Values are immutable: large ones are files
/// of their own, small ones are packed into segments. Every value carries a checksum; a damaged one is a miss.
/// <para>
/// Several processes may use one store: files become visible whole, and segments of others are found by look-ups that
/// would miss. Packed values are visible to others once their segment is written, see <see cref="FlushAsync"/>.
/// </para>
/// <para>Thread-safe. The pattern of many immutable files, batched reads and deletion in bulk is that of 3FS's KV cache.</para>
/// </summary>
public sealed partial class KvCacheStore : IAsyncDisposable
{
    private readonly IFileSystem _fileSystem;
    private readonly string _root;
    private readonly KvCacheStoreOptions _options;
    private readonly KvSegmentIndex _index;
    private readonly ConcurrentDictionary<ulong, KvUse> _known = new();
    private readonly ConcurrentDictionary<string, byte> _folders = new();
    private long _clock;
    private long _lastRefresh;
    private int _disposed;

    private KvCacheStore(IFileSystem fileSystem, string root, KvCacheStoreOptions options)
    {
        _fileSystem = fileSystem;
        _root = FileSystemPath.Normalize(root);
        _options = options;
        _index = new KvSegmentIndex(fileSystem, _root, options.SegmentBytes);
        _lastRefresh = options.TimeProvider.GetTimestamp();
    }

    /// <summary>What the store has done since it was opened.</summary>
    public KvCacheStatistics Statistics =>
        new(
            Interlocked.Read(ref _bytesPut),
            Interlocked.Read(ref _bytesFetched),
            Interlocked.Read(ref _bytesEvicted),
            Interlocked.Read(ref _hits),
            Interlocked.Read(ref _misses),
            Interlocked.Read(ref _damaged)
        );

    /// <summary>Opens a store and creates it if necessary.</summary>
    /// <param name="fileSystem">The file system.</param>
    /// <param name="root">Directory of the store.</param>
    /// <param name="options">Settings.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public static async ValueTask<KvCacheStore> OpenAsync(
        IFileSystem fileSystem,
        string root,
        KvCacheStoreOptions? options = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(fileSystem);
        options ??= new KvCacheStoreOptions();
        options.Validate();
        var store = new KvCacheStore(fileSystem, root, options);
        await store._index.RefreshAsync(cancellationToken).ConfigureAwait(false);
        return store;
    }

    /// <summary>
    /// Stores a value; a value that the key had before is replaced. Keys are meant to name one value for ever: a large
    /// one that another process or an earlier run has put may be found again once a small one that replaced it is
    /// evicted.
    /// </summary>
    /// <param name="key">The key, see <see cref="KvBlockHash"/>.</param>
    /// <param name="value">The value; it must not change until the operation completes.</param>
    /// <param name="timeToLive">How long the value is kept; null keeps it until it is evicted.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public ValueTask PutAsync(
        ulong key,
        ReadOnlyMemory<byte> value,
        TimeSpan? timeToLive = null,
        CancellationToken cancellationToken = default
    ) => PutManyAsync([new KvCacheItem(key, value, timeToLive)], cancellationToken);

    /// <summary>Stores several values, large ones in parallel.</summary>
    /// <param name="items">The values.</param>
    /// <param name="cancellationToken">Gives the operation up; some values may have been stored.</param>
    public async ValueTask PutManyAsync(
        IReadOnlyList<KvCacheItem> items,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        ArgumentNullException.ThrowIfNull(items);
        var large = new List<KvCacheItem>();
        foreach (var item in items)
        {
            if (item.Value.Length >= _options.PackBelowBytes)
            {
                large.Add(item);
                continue;
            }

            _index.Add(new KvPending(item.Key, ExpiryOf(item.TimeToLive), item.Value.ToArray()));
            CountPut(item.Value.Length);
            if (_known.TryRemove(item.Key, out _))
            {
                // A large value that the key had before would be back once the packed one is evicted.
                await _fileSystem
                    .DeleteAsync(PathOf(item.Key), cancellationToken: cancellationToken)
                    .ConfigureAwait(false);
            }

            if (_index.PendingBytes >= _options.SegmentBytes)
            {
                await _index.FlushAsync(cancellationToken).ConfigureAwait(false);
            }
        }

        await Parallel
            .ForEachAsync(
                large,
                new ParallelOptions
                {
                    MaxDegreeOfParallelism = _options.Parallelism,
                    CancellationToken = cancellationToken,
                },
                PutFileAsync
            )
            .ConfigureAwait(false);
    }

    /// <summary>Fetches a value.</summary>
    /// <param name="key">The key.</param>
    /// <param name="destination">Receives the value.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <returns>False when there is no value, it has expired or it is damaged.</returns>
    public async ValueTask<bool> TryGetAsync(
        ulong key,
        IBufferWriter<byte> destination,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        ArgumentNullException.ThrowIfNull(destination);
        var length = await FetchAsync(key, destination.GetMemory, cancellationToken)
            .ConfigureAwait(false);
        if (length >= 0)
        {
            destination.Advance(length);
        }

        return length >= 0;
    }

    /// <summary>Fetches several values in parallel, each into the caller's buffer.</summary>
    /// <param name="reads">The look-ups; each receives its outcome.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <returns>How many were found.</returns>
    /// <exception cref="ArgumentException">A buffer is shorter than its value.</exception>
    public async ValueTask<int> GetManyAsync(
        IReadOnlyList<KvCacheRead> reads,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        ArgumentNullException.ThrowIfNull(reads);
        var found = 0;
        await Parallel
            .ForEachAsync(
                reads,
                new ParallelOptions
                {
                    MaxDegreeOfParallelism = _options.Parallelism,
                    CancellationToken = cancellationToken,
                },
                async (read, token) =>
                {
                    read.Length = await FetchAsync(
                            read.Key,
                            length =>
                                length <= read.Buffer.Length
                                    ? read.Buffer
                                    : throw new ArgumentException(
                                        $"reads: key {read.Key:x16} needs a buffer of {length} bytes, got {read.Buffer.Length}"
                                    ),
                            token
                        )
                        .ConfigureAwait(false);
                    if (read.IsFound)
                    {
                        Interlocked.Increment(ref found);
                    }
                }
            )
            .ConfigureAwait(false);
        return found;
    }

    /// <summary>Says whether a key has a value, without fetching it.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public async ValueTask<bool> ContainsAsync(
        ulong key,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        if (_index.TryFind(key, out var pending, out var location))
        {
            return !IsExpired(pending.Value is null ? location.Expiry : pending.Expiry);
        }

        if (
            await _fileSystem.TryStatAsync(PathOf(key), cancellationToken).ConfigureAwait(false)
            is not null
        )
        {
            return true;
        }

        return await RefreshIfDueAsync(cancellationToken).ConfigureAwait(false)
            && _index.TryFind(key, out _, out location)
            && !IsExpired(location.Expiry);
    }

    /// <summary>
    /// The number of leading blocks of a chain that are stored: with <see cref="KvBlockHash.ComputeChain"/>, how much
    /// of a prompt need not be computed again.
    /// </summary>
    /// <param name="blockHashes">The keys of the chain in order.</param>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public async ValueTask<int> PrefixMatchAsync(
        ReadOnlyMemory<ulong> blockHashes,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        var matched = 0;
        // Most chains end early or match completely: look at few blocks first and at more and more after that.
        for (var step = 4; matched < blockHashes.Length; step = Math.Min(step * 2, 64))
        {
            var count = Math.Min(step, blockHashes.Length - matched);
            var checks = new Task<bool>[count];
            for (var i = 0; i < count; i++)
            {
                checks[i] = ContainsAsync(blockHashes.Span[matched + i], cancellationToken)
                    .AsTask();
            }

            var present = await Task.WhenAll(checks).ConfigureAwait(false);
            var gap = Array.IndexOf(present, false);
            if (gap >= 0)
            {
                return matched + gap;
            }

            matched += count;
        }

        return matched;
    }

    /// <summary>Writes packed values that wait in memory, so that they survive and others see them.</summary>
    /// <param name="cancellationToken">Gives the operation up.</param>
    public ValueTask FlushAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        return _index.FlushAsync(cancellationToken);
    }

    /// <summary>Writes what waits in memory and closes the store.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        try
        {
            await _index.FlushAsync(CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            await _index.DisposeAsync().ConfigureAwait(false);
        }
    }

    private void ThrowIfDisposed() =>
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);

    private string PathOf(ulong key)
    {
        var name = key.ToString("x16", CultureInfo.InvariantCulture);
        return $"{FileSystemPath.Combine(_root, name[..2])}/{name[2..4]}/{name}";
    }

    private long ExpiryOf(TimeSpan? timeToLive) =>
        timeToLive is { } time
            ? NowMicroseconds() + (time.Ticks / TimeSpan.TicksPerMicrosecond)
            : 0;

    private bool IsExpired(long expiry) => expiry != 0 && expiry <= NowMicroseconds();

    private long NowMicroseconds() =>
        (_options.TimeProvider.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks
        / TimeSpan.TicksPerMicrosecond;
}
