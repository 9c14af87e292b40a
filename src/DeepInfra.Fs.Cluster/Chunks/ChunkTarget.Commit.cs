// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Chunks;

internal sealed partial class ChunkTarget
{
    /// <summary>Makes the update durable and visible, then unlocks the chunk.</summary>
    /// <param name="pending">From <see cref="PrepareAsync"/>.</param>
    /// <param name="chainVersion">Version of the chain under which it commits.</param>
    /// <param name="note">What to remember of the update beside the new record; null remembers nothing.</param>
    /// <returns>The new record; null when the chunk is gone.</returns>
    /// <exception cref="ChunkStoreException">The index could not be written; readers still see the old state.</exception>
    public async ValueTask<ChunkRecord?> CommitAsync(
        PendingUpdate pending,
        uint chainVersion,
        Func<ChunkRecord?, IndexNote>? note = null
    )
    {
        if (pending.IsNoop)
        {
            try
            {
                // That there was nothing to do is an answer too: a repetition must not find something later.
                await (
                    note is null ? Task.CompletedTask : _index.PutNoteAsync(note(null))
                ).ConfigureAwait(false);
                return null;
            }
            finally
            {
                Unlock(pending.Slot);
            }
        }
        var record = pending.Record is { } draft
            ? draft with
            {
                ChainVersion = chainVersion,
            }
            : null;
        pending.Record = record;
        try
        {
            await _index
                .CommitAsync(
                    Id,
                    pending.Slot.Id,
                    record?.Encode(),
                    pending.Written,
                    note?.Invoke(record),
                    () => Apply(pending)
                )
                .ConfigureAwait(false);
        }
        catch (ChunkStoreException e)
        {
            if (!e.IndexUncertain && pending is { OwnsBlock: true, Block: { } unused })
            {
                _allocator.Free(unused.Address);
            }
            else if (pending.Block is { } block)
            {
                // The record may have reached the log, so its block must not be used again before the
                // index has been read anew: the bytes stay allocated until the next start.
                block.HighWater = uint.MaxValue;
                Keep(pending.Slot);
            }
            throw;
        }
        finally
        {
            Unlock(pending.Slot);
        }
        ClusterMetrics.Updates.Add(1);
        ClusterMetrics.BytesWritten.Add(pending.Update.Data.Length);
        return record;
    }

    /// <summary>Forgets the update and unlocks the chunk.</summary>
    public void Abort(PendingUpdate pending)
    {
        if (pending is { OwnsBlock: true, Block: { } block })
        {
            _allocator.Free(block.Address);
        }
        Unlock(pending.Slot);
    }

    private async ValueTask<ChunkSlot> LockSlotAsync(ChunkId id)
    {
        while (true)
        {
            var slot = GetSlot(id);
            lock (slot.Gate)
            {
                if (slot.Dead)
                {
                    continue;
                }
                slot.Pins++;
            }
            await slot.LockAsync().ConfigureAwait(false);
            try
            {
                lock (slot.Gate)
                {
                    Load(slot);
                }
            }
            catch
            {
                Unlock(slot);
                throw;
            }
            return slot;
        }
    }

    // A slot that is loaded again would take the block for one that may be appended to.
    private static void Keep(ChunkSlot slot)
    {
        lock (slot.Gate)
        {
            slot.Pins++;
        }
    }

    private static void Unlock(ChunkSlot slot)
    {
        slot.Unlock();
        lock (slot.Gate)
        {
            slot.Pins--;
        }
    }
}
