// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Numerics;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Chunks;

internal sealed partial class ChunkTarget
{
    private static readonly byte[] s_zeros = new byte[64 * 1024];

    /// <summary>
    /// Locks the chunk, checks the version rules and writes the bytes where no reader looks. Follow with
    /// <see cref="CommitAsync"/> or <see cref="Abort"/>.
    /// </summary>
    /// <exception cref="ChunkStoreException">The update is refused or cannot be written; the chunk is as before.</exception>
    public async ValueTask<PendingUpdate> PrepareAsync(ChunkUpdate update)
    {
        if (update is { Type: UpdateType.Write, Length: 0 })
        {
            // A write of nothing creates the chunk and never makes it longer.
            update = update with
            {
                Type = UpdateType.Extend,
                Offset = 0,
            };
        }
        var slot = await LockSlotAsync(update.Id).ConfigureAwait(false);
        PendingUpdate? pending = null;
        try
        {
            pending = Begin(slot, update);
            if (pending.IsNoop || update.Type == UpdateType.Remove)
            {
                return pending;
            }
            WriteContent(pending);
            return pending;
        }
        catch
        {
            if (pending is not null)
            {
                Abort(pending);
            }
            else
            {
                Unlock(slot);
            }
            throw;
        }
    }

    private static PendingUpdate Begin(ChunkSlot slot, ChunkUpdate update)
    {
        var old = slot.Record;
        if (update.Type == UpdateType.Remove)
        {
            var removed = (old?.CommitVersion ?? 0) + 1;
            return new PendingUpdate(slot, update) { IsNoop = old is null, Version = removed };
        }
        if (
            !BitOperations.IsPow2(update.ChunkSize)
            || update.ChunkSize > 1u << BlockAddress.MaxSizeLog2
        )
        {
            throw Refused(
                StatusCode.StorageChunkInvalidChunkSize,
                update,
                $"chunk size {update.ChunkSize} is not a power of two up to 64 MiB"
            );
        }
        if (update.Data.Length != (update.Type == UpdateType.Write ? update.Length : 0))
        {
            throw Refused(
                StatusCode.InvalidArg,
                update,
                $"{update.Data.Length} bytes of data for {update.Type} of {update.Length}"
            );
        }
        var end = (ulong)update.Offset + update.Length;
        if (end > update.ChunkSize)
        {
            throw Refused(
                StatusCode.InvalidArg,
                update,
                $"bytes {update.Offset}..{end} exceed the chunk size {update.ChunkSize}"
            );
        }
        if (old is not null && old.ChunkSize != update.ChunkSize && !update.IsSyncing)
        {
            throw Refused(
                StatusCode.StorageChunkSizeMismatch,
                update,
                $"chunk size is {old.ChunkSize}, not {update.ChunkSize}"
            );
        }
        if (old is not null && update.ChainVersion < old.ChainVersion)
        {
            throw Refused(
                StatusCode.StorageChainVersionMismatch,
                update,
                $"chain version {update.ChainVersion} is older than {old.ChainVersion} of the chunk"
            );
        }
        if (old is null && update.RejectCreate)
        {
            throw Refused(StatusCode.StorageClientNoSpace, update, "space is low, no new chunks");
        }
        return new PendingUpdate(slot, update) { Version = NextVersion(old, update) };
    }

    private static uint NextVersion(ChunkRecord? old, ChunkUpdate update)
    {
        var committed = old?.CommitVersion ?? 0;
        if (update.Version == 0)
        {
            return committed + 1;
        }
        if (update.IsSyncing || update.Version == committed + 1)
        {
            return update.Version;
        }
        throw update.Version <= committed
            ? Refused(
                StatusCode.StorageChunkCommittedUpdate,
                update,
                $"version {update.Version} is already committed (at {committed})"
            )
            : Refused(
                StatusCode.StorageChunkMissingUpdate,
                update,
                $"version {update.Version} does not follow {committed}"
            );
    }

    private void WriteContent(PendingUpdate pending)
    {
        var update = pending.Update;
        var old = pending.Slot.Record;
        var oldLength = old?.Length ?? 0;
        var end = update.Offset + update.Length;
        var newLength = update.Type switch
        {
            UpdateType.Write => update.IsSyncing ? end : Math.Max(oldLength, end),
            UpdateType.Truncate => update.Length,
            UpdateType.Extend => Math.Max(oldLength, update.Length),
            _ => throw Refused(StatusCode.InvalidArg, update, $"update type {update.Type}"),
        };
        // First byte whose content changes; everything before it stays.
        var start =
            update.Type == UpdateType.Write ? update.Offset : Math.Min(oldLength, newLength);
        if (old is not null && !update.IsSyncing)
        {
            if (newLength <= start)
            {
                KeepBytes(pending, old, newLength);
                return;
            }
            if (CanAppend(pending.Slot.Block!, start, oldLength, newLength))
            {
                Append(pending, old, newLength);
                return;
            }
        }
        Replace(pending, update.IsSyncing ? null : old, newLength);
    }

    private static bool CanAppend(ChunkBlock block, uint start, uint oldLength, uint newLength) =>
        start >= oldLength && newLength <= block.Address.Size && block.HighWater <= oldLength;

    /// <summary>Shorter or unchanged content: only the record changes.</summary>
    private void KeepBytes(PendingUpdate pending, ChunkRecord old, uint newLength)
    {
        var pages = old.Pages;
        var total = old.Checksum;
        if (newLength < old.Length)
        {
            var whole = (int)(newLength / old.PageSize);
            var rest = (int)(newLength % old.PageSize);
            pages = old.Pages[..(whole + (rest > 0 ? 1 : 0))];
            total = old.ChecksumOfPages(0, whole);
            if (rest > 0)
            {
                using var buffer = MemoryPool<byte>.Shared.Rent(old.PageSize);
                ReadOld(
                    pending,
                    old,
                    (uint)(whole * old.PageSize),
                    (uint)rest,
                    buffer.Memory,
                    out var kept
                );
                pages[^1] = ZeroCrc.FromMessageForm(kept, rest);
                total = ZeroCrc.Combine(total, pages[^1], rest);
            }
        }
        pending.Block = pending.Slot.Block;
        pending.Record = NewRecord(pending, pending.Block!.Address, newLength, total, pages);
    }

    /// <summary>New bytes behind the old ones, in the same block: readers of the old record do not see them.</summary>
    private void Append(PendingUpdate pending, ChunkRecord old, uint newLength)
    {
        var update = pending.Update;
        var block = pending.Slot.Block!;
        var checksums = new PageChecksums(old);
        var start = update.Type == UpdateType.Write ? update.Offset : newLength;
        checksums.AppendZeros(start - old.Length);
        if (update.Type == UpdateType.Write)
        {
            CheckData(update, checksums.Append(update.Data.Span));
        }
        pending.Written = AboutToWrite(block.Address);
        WriteZeros(block.Address, (int)old.Length, (int)(start - old.Length));
        _files.Write(block.Address, (int)start, update.Data.Span);
        pending.Block = block;
        pending.Record = NewRecord(
            pending,
            block.Address,
            newLength,
            checksums.Total,
            checksums.ToArray()
        );
    }

    /// <summary>Content in a fresh block: what is kept of the old bytes, with the new ones over it.</summary>
    private void Replace(PendingUpdate pending, ChunkRecord? old, uint newLength)
    {
        var update = pending.Update;
        var data = update.Data.Span;
        var start = update.Type == UpdateType.Write ? (int)update.Offset : (int)newLength;
        var end = update.Type == UpdateType.Write ? start + data.Length : start;
        var kept = (int)Math.Min(old?.Length ?? 0, newLength);
        var address = _allocator.Allocate(BlockAddress.ClassOf(newLength));
        pending.Block = new ChunkBlock(address, newLength);
        pending.OwnsBlock = true;
        var pageSize = ChunkRecord.PageSizeOf(update.ChunkSize);
        var checksums = new PageChecksums(pageSize, (int)(newLength / pageSize) + 1);
        var needsOld = kept > 0 && (start > 0 || end < kept);
        using var owner = needsOld ? MemoryPool<byte>.Shared.Rent(kept) : null;
        var before = ReadOnlySpan<byte>.Empty;
        if (owner is not null)
        {
            before = ReadOld(pending, old!, 0, (uint)kept, owner.Memory, out _).Span;
        }

        var head = Math.Min(start, kept);
        _ = checksums.Append(before[..Math.Min(head, before.Length)]);
        checksums.AppendZeros(start - head);
        CheckData(update, checksums.Append(data));
        var tail = end < kept ? before[end..] : [];
        _ = checksums.Append(tail);
        if (checksums.Length != newLength)
        {
            throw new InvalidOperationException(
                $"assembled {checksums.Length} bytes of {newLength}"
            );
        }

        pending.Written = AboutToWrite(address);
        _files.Write(address, 0, before[..Math.Min(head, before.Length)]);
        WriteZeros(address, head, start - head);
        _files.Write(address, start, data);
        _files.Write(address, end, tail);
        pending.Record = NewRecord(
            pending,
            address,
            newLength,
            checksums.Total,
            checksums.ToArray()
        );
    }

    private ReadOnlyMemory<byte> ReadOld(
        PendingUpdate pending,
        ChunkRecord old,
        uint offset,
        uint length,
        Memory<byte> buffer,
        out uint checksum
    )
    {
        // The update lock keeps the current record and its block in place.
        var lease = new ChunkLease(this, old, pending.Slot.Block!);
        var needed = BufferLength(old, offset, length);
        if (buffer.Length >= needed)
        {
            return Read(lease, pending.Slot.Id, offset, length, buffer, out checksum);
        }
        return Read(lease, pending.Slot.Id, offset, length, new byte[needed], out checksum);
    }

    // Asked before the first byte: a flush that fails after that must fail the commit.
    private WrittenBytes AboutToWrite(BlockAddress block)
    {
        var file = _files.Open(block);
        return new WrittenBytes(file, file.FailedFlushes);
    }

    private void WriteZeros(BlockAddress block, int offset, int count)
    {
        while (count > 0)
        {
            var step = Math.Min(count, s_zeros.Length);
            _files.Write(block, offset, s_zeros.AsSpan(0, step));
            offset += step;
            count -= step;
        }
    }

    private static void CheckData(ChunkUpdate update, uint zeroForm)
    {
        if (
            update.Checksum is { } expected
            && ZeroCrc.ToMessageForm(zeroForm, update.Data.Length) is var actual
            && actual != expected
        )
        {
            throw Refused(
                StatusCode.StorageChecksumMismatch,
                update,
                $"checksum of the data is {actual:x8}, the request says {expected:x8}"
            );
        }
    }

    private ChunkRecord NewRecord(
        PendingUpdate pending,
        BlockAddress block,
        uint length,
        uint checksum,
        uint[] pages
    ) =>
        new()
        {
            ChunkSize = pending.Update.ChunkSize,
            Length = length,
            Block = block,
            CommitVersion = pending.Version,
            UpdateVersion = pending.Version,
            ChainVersion = pending.Update.ChainVersion,
            LastClient = pending.Update.Client,
            LastRequestId = pending.Update.RequestId,
            Timestamp = _clock.Now(),
            Checksum = checksum,
            Pages = pages,
        };

    private void Apply(PendingUpdate pending)
    {
        ChunkBlock? previous;
        lock (pending.Slot.Gate)
        {
            previous = pending.Slot.Block;
            pending.Slot.Record = pending.Record;
            pending.Slot.Block = pending.Block;
            if (pending.Block is { } block && pending.Record is { } record)
            {
                block.HighWater = Math.Max(block.HighWater, record.Length);
            }
        }
        if (previous is not null && previous != pending.Block && previous.Release())
        {
            _allocator.Free(previous.Address);
        }
    }

    private static ChunkStoreException Refused(
        StatusCode code,
        ChunkUpdate update,
        string reason
    ) => new(code, $"update of chunk {update.Id} refused: {reason}");
}
