// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using DeepInfra.Fs.Cluster.KeyValue;

namespace DeepInfra.Fs.Cluster.Metadata;

/// <summary>Gives out inode ids. Blocks of them are reserved in the store, so no id is ever used twice.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class InodeIds(KeyValueStore store) : IDisposable
{
    private const ulong Block = 4096;

    private readonly SemaphoreSlim _refill = new(1, 1);
    private readonly Lock _lock = new();
    private ulong _next;
    private ulong _end;

    /// <summary>Takes ids that one request may need; those it did not use come back when it is disposed.</summary>
    public async ValueTask<Lease> RentAsync(int count, CancellationToken cancellationToken)
    {
        while (true)
        {
            lock (_lock)
            {
                if (_end - _next >= (ulong)count)
                {
                    _next += (ulong)count;
                    return new Lease(this, _next - (ulong)count, count);
                }
            }
            await RefillAsync((ulong)count, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _refill.Dispose();

    private async ValueTask RefillAsync(ulong count, CancellationToken cancellationToken)
    {
        await _refill.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            lock (_lock)
            {
                if (_end - _next >= count)
                {
                    return;
                }
            }
            var size = Math.Max(Block, count);
            var begin = await store
                .WriteAsync(
                    t =>
                    {
                        var first = t.Get(MetaKeys.InodeCounter) is { } stored
                            ? BinaryPrimitives.ReadUInt64LittleEndian(stored)
                            : MetaKeys.FirstInode;
                        var value = new byte[8];
                        BinaryPrimitives.WriteUInt64LittleEndian(value, first + size);
                        t.Put(MetaKeys.InodeCounter, value);
                        return first;
                    },
                    cancellationToken
                )
                .ConfigureAwait(false);
            lock (_lock)
            {
                _next = begin;
                _end = begin + size;
            }
        }
        finally
        {
            _refill.Release();
        }
    }

    private void GiveBack(ulong used, ulong end)
    {
        lock (_lock)
        {
            // Only the newest lease can be undone; ids in the middle are dropped, there are plenty.
            if (_next == end)
            {
                _next = used;
            }
        }
    }

    /// <summary>Ids of one request. A transaction that is repeated starts over with the same ones.</summary>
    internal sealed class Lease(InodeIds owner, ulong first, int count) : IDisposable
    {
        private int _used;

        /// <summary>Starts over.</summary>
        public void Reset() => _used = 0;

        /// <summary>The next id.</summary>
        public ulong Next() =>
            _used < count
                ? first + (ulong)_used++
                : throw new InvalidOperationException($"all {count} ids of the request are used");

        /// <inheritdoc/>
        public void Dispose() => owner.GiveBack(first + (ulong)_used, first + (ulong)count);
    }
}
