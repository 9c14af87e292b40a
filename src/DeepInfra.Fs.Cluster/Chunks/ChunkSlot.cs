// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Chunks;

/// <summary>
/// The in-memory side of one chunk: its current record and the lock of its updates. Slots are a cache in
/// front of the index; a slot that somebody uses is never dropped.
/// </summary>
internal sealed class ChunkSlot(ChunkId id)
{
    private Queue<TaskCompletionSource>? _waiting;
    private bool _updating;

    /// <summary>The chunk.</summary>
    public ChunkId Id { get; } = id;

    /// <summary>Guards the properties below; held for moments only.</summary>
    public Lock Gate { get; } = new();

    /// <summary>Whether <see cref="Record"/> mirrors the index.</summary>
    public bool Loaded { get; set; }

    /// <summary>Committed state; null when the chunk does not exist.</summary>
    public ChunkRecord? Record { get; set; }

    /// <summary>Block of <see cref="Record"/>.</summary>
    public ChunkBlock? Block { get; set; }

    /// <summary>The slot was dropped from the cache; look the chunk up again.</summary>
    public bool Dead { get; set; }

    /// <summary>Updates that wait for or hold the update lock.</summary>
    public int Pins { get; set; }

    /// <summary>Takes the update lock; waiters get it in the order in which they came.</summary>
    public Task LockAsync()
    {
        lock (Gate)
        {
            if (!_updating)
            {
                _updating = true;
                return Task.CompletedTask;
            }
            var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            (_waiting ??= new Queue<TaskCompletionSource>()).Enqueue(turn);
            return turn.Task;
        }
    }

    /// <summary>Hands the update lock to the next waiter, or frees it.</summary>
    public void Unlock()
    {
        lock (Gate)
        {
            if (_waiting is not null && _waiting.TryDequeue(out var next))
            {
                next.SetResult();
                return;
            }
            _updating = false;
        }
    }
}
