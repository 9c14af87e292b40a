// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Fs.Cluster.Faults;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Chunks;

/// <summary>
/// The chunks of one storage target. Reads see the newest committed record; updates write to a fresh
/// block (or behind the end of the present one) and become visible by one index write, so a crash at any
/// moment leaves every chunk in its state before or after the update.
/// </summary>
/// <remarks>Thread-safe.</remarks>
internal sealed partial class ChunkTarget : IDisposable
{
    // Ids of files have 16 bytes. Longer ones are allowed, but not of the size of a whole message.
    private const int MaxIdBytes = 256;
    private const int CachedSlots = 65_536;

    private readonly ChunkIndex _index;
    private readonly NodeClock _clock;
    private readonly DataFiles _files;
    private readonly BlockAllocator _allocator;
    private readonly ConcurrentDictionary<ChunkId, ChunkSlot> _slots = new();
    private int _evicting;

    public ChunkTarget(
        ulong id,
        string directory,
        int fileCount,
        ChunkIndex index,
        SpaceGuard space,
        DurabilityMode durability,
        NodeClock? clock = null,
        DiskFault? fault = null
    )
    {
        Id = id;
        _clock = clock ?? new NodeClock();
        Location = directory;
        _index = index;
        _files = new DataFiles(directory, fileCount, durability, fault);
        _allocator = new BlockAllocator(space, _files);
        try
        {
            var used = new List<BlockAddress>();
            foreach (var (_, record) in index.Descending(id, null, null))
            {
                used.Add(record.Block);
            }
            _allocator.Rebuild(used);
        }
        catch
        {
            _files.Dispose();
            throw;
        }
    }

    /// <summary>Target id.</summary>
    public ulong Id { get; }

    /// <summary>Directory of the data files.</summary>
    public string Location { get; }

    /// <summary>Bytes of all blocks in use.</summary>
    public long UsedBytes => _allocator.UsedBytes;

    /// <summary>The committed state of a chunk, readable until disposed; null when there is none.</summary>
    /// <exception cref="ChunkStoreException">The id is too long (3), or its record is damaged.</exception>
    public ChunkLease? Acquire(ChunkId chunk)
    {
        while (true)
        {
            var slot = GetSlot(chunk);
            lock (slot.Gate)
            {
                if (slot.Dead)
                {
                    continue;
                }
                Load(slot);
                if (slot.Record is null)
                {
                    return null;
                }
                slot.Block!.AddReference();
                return new ChunkLease(this, slot.Record, slot.Block);
            }
        }
    }

    /// <summary>The committed record of a chunk, or null.</summary>
    public ChunkRecord? Find(ChunkId chunk)
    {
        using var lease = Acquire(chunk);
        return lease?.Record;
    }

    /// <summary>Chunks of a range in descending order, as of now.</summary>
    public IEnumerable<(ChunkId Id, ChunkRecord Record)> Descending(ChunkId? begin, ChunkId? end) =>
        _index.Descending(Id, begin, end);

    /// <summary>
    /// Bytes that <see cref="Read"/> needs in its buffer: whole pages around the wanted range, because a
    /// page is verified as a whole.
    /// </summary>
    public static int BufferLength(ChunkRecord record, uint offset, uint length)
    {
        var (begin, end) = CoveringPages(record, offset, length);
        return (int)(
            Math.Min((long)end * record.PageSize, record.Length) - ((long)begin * record.PageSize)
        );
    }

    /// <summary>
    /// Reads and verifies. The wanted bytes are a slice of the buffer; fewer than asked for at the end of
    /// the chunk.
    /// </summary>
    /// <param name="lease">The chunk.</param>
    /// <param name="chunk">Its id, for messages.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Bytes wanted.</param>
    /// <param name="buffer">At least <see cref="BufferLength"/> bytes.</param>
    /// <param name="checksum">Message-form checksum of the returned slice.</param>
    /// <exception cref="ChunkStoreException">The bytes do not match their checksums (4080), or the file cannot be read.</exception>
    public Memory<byte> Read(
        in ChunkLease lease,
        ChunkId chunk,
        uint offset,
        uint length,
        Memory<byte> buffer,
        out uint checksum
    )
    {
        TryRead(lease, chunk, offset, length, buffer, true, out var data, out checksum);
        return data;
    }

    /// <summary>As <see cref="Read"/>, but gives up when it would have to wait for the disk and may not.</summary>
    /// <returns>False when it gave up.</returns>
    public bool TryRead(
        in ChunkLease lease,
        ChunkId chunk,
        uint offset,
        uint length,
        Memory<byte> buffer,
        bool mayWait,
        out Memory<byte> data,
        out uint checksum
    )
    {
        var record = lease.Record;
        data = Memory<byte>.Empty;
        checksum = uint.MaxValue;
        if (offset >= record.Length || length == 0)
        {
            return true;
        }
        var (firstPage, endPage) = CoveringPages(record, offset, length);
        var begin = firstPage * record.PageSize;
        var covering = buffer[..BufferLength(record, offset, length)];
        var wanted = (int)Math.Min(length, record.Length - offset);
        var skip = (int)offset - begin;
        if (!_files.TryReadCached(lease.Block.Address, begin, covering.Span))
        {
            if (!mayWait)
            {
                return false;
            }
            _files.Read(lease.Block.Address, begin, covering.Span);
        }

        // One pass over the bytes gives both the value to verify and the value of the wanted slice.
        var head = ZeroCrc.Compute(covering.Span[..skip]);
        var middle = ZeroCrc.Compute(covering.Span.Slice(skip, wanted));
        var tailLength = covering.Length - skip - wanted;
        var all = ZeroCrc.Combine(head, middle, wanted);
        if (tailLength > 0)
        {
            all = ZeroCrc.Combine(all, ZeroCrc.Compute(covering.Span[^tailLength..]), tailLength);
        }
        if (all != record.ChecksumOfPages(firstPage, endPage))
        {
            ClusterMetrics.ChecksumFailures.Add(1);
            throw Corrupted(lease, chunk, firstPage, covering.Span);
        }
        checksum = ZeroCrc.ToMessageForm(middle, wanted);
        data = covering.Slice(skip, wanted);
        return true;
    }

    /// <summary>Reads every chunk and compares it with its checksums.</summary>
    /// <returns>Chunks read and one message per damaged chunk.</returns>
    public (long Chunks, List<string> Damaged) Verify(CancellationToken cancellationToken)
    {
        var damaged = new List<string>();
        var chunks = 0L;
        var buffer = Array.Empty<byte>();
        foreach (var (id, _) in Descending(null, null))
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var lease = Acquire(id);
            if (lease is not { } open)
            {
                continue;
            }
            chunks++;
            if (buffer.Length < open.Record.Length)
            {
                buffer = new byte[open.Record.Length];
            }
            try
            {
                Read(open, id, 0, open.Record.Length, buffer, out _);
            }
            catch (ChunkStoreException e)
            {
                damaged.Add(e.Message);
            }
        }
        return (chunks, damaged);
    }

    /// <summary>Drops the data files from the page cache.</summary>
    public void DropCaches() => _files.DropCaches();

    /// <inheritdoc/>
    public void Dispose() => _files.Dispose();

    internal void FreeBlock(ChunkBlock block) => _allocator.Free(block.Address);

    private static (int Begin, int End) CoveringPages(ChunkRecord record, uint offset, uint length)
    {
        if (offset >= record.Length || length == 0)
        {
            return (0, 0);
        }
        var last = Math.Min((long)offset + length, record.Length);
        var page = record.PageSize;
        return ((int)(offset / page), (int)((last + page - 1) / page));
    }

    private ChunkSlot GetSlot(ChunkId chunk)
    {
        if (_slots.TryGetValue(chunk, out var slot))
        {
            return slot;
        }
        if (chunk.Length > MaxIdBytes)
        {
            throw new ChunkStoreException(
                StatusCode.InvalidArg,
                $"chunk id of {chunk.Length} bytes on target {Id}: at most {MaxIdBytes} are allowed"
            );
        }
        slot = _slots.GetOrAdd(chunk, static id => new ChunkSlot(id));
        if (_slots.Count > CachedSlots && Interlocked.Exchange(ref _evicting, 1) == 0)
        {
            Evict();
            Volatile.Write(ref _evicting, 0);
        }
        return slot;
    }

    // Caller holds the gate.
    private void Load(ChunkSlot slot)
    {
        if (slot.Loaded)
        {
            return;
        }
        slot.Record = _index.Find(Id, slot.Id);
        slot.Block = slot.Record is { } record ? new ChunkBlock(record.Block, record.Length) : null;
        slot.Loaded = true;
    }

    private void Evict()
    {
        var surplus = CachedSlots / 8;
        foreach (var (id, slot) in _slots)
        {
            lock (slot.Gate)
            {
                if (slot.Pins > 0 || slot.Block is { IsIdle: false })
                {
                    continue;
                }
                slot.Dead = true;
                _slots.TryRemove(id, out _);
            }
            if (--surplus == 0)
            {
                return;
            }
        }
    }

    private ChunkStoreException Corrupted(
        in ChunkLease lease,
        ChunkId chunk,
        int firstPage,
        ReadOnlySpan<byte> covering
    )
    {
        var record = lease.Record;
        var page = firstPage;
        for (var rest = covering; rest.Length > 0; page++)
        {
            var length = Math.Min(record.PageSize, rest.Length);
            if (ZeroCrc.Compute(rest[..length]) != record.Pages[page])
            {
                break;
            }
            rest = rest[length..];
        }
        var (path, offset) = _files.Locate(record.Block);
        return new ChunkStoreException(
            StatusCode.StorageChecksumMismatch,
            $"chunk {chunk} of target {Id} is corrupted: checksum mismatch in bytes "
                + $"{(long)page * record.PageSize}..{((long)page + 1) * record.PageSize} of version "
                + $"{record.CommitVersion} ('{path}' at {offset + ((long)page * record.PageSize)})"
        )
        {
            IsDamage = true,
        };
    }
}
