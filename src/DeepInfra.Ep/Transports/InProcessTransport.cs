// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep.Transports;

/// <summary>Ranks are threads of one process: puts are memory copies, signals are release stores plus a doorbell.</summary>
internal sealed unsafe class InProcessTransport(InProcessHub hub, int rank) : IEpTransport
{
    private int _allocations;
    private long _rounds;
    private int _disposed;

    public string Name => "in-process";

    public int Rank => rank;

    public int Size => hub.Size;

    public EpTopology Topology => hub.Topology;

    public InProcessOptions Options => hub.Options;

    public EpTransportCapabilities Capabilities =>
        EpTransportCapabilities.RemoteAtomics
        | EpTransportCapabilities.Ordered
        | (hub.Options.ZeroCopy ? EpTransportCapabilities.SharedAddressSpace : 0)
        | (hub.Options.ZeroCopy || hub.Options.LoadStore ? EpTransportCapabilities.LoadStore : 0);

    public SymmetricMemory Allocate(long bytes)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        var arena = hub.GetArena(_allocations, bytes);
        _allocations++;
        return new Memory(arena, rank, Capabilities);
    }

    public void Put(SymmetricMemory memory, int peer, long offset, void* source, long bytes) =>
        Buffer.MemoryCopy(source, Address(memory, peer, offset, bytes), bytes, bytes);

    public void Get(SymmetricMemory memory, int peer, long offset, void* destination, long bytes) =>
        Buffer.MemoryCopy(Address(memory, peer, offset, bytes), destination, bytes, bytes);

    public void Signal(SymmetricMemory memory, int peer, long offset, long value)
    {
        Volatile.Write(ref *(long*)Address(memory, peer, offset, sizeof(long)), value);
        hub.Doorbells[peer].Ring();
    }

    public void Add(SymmetricMemory memory, int peer, long offset, long value)
    {
        Interlocked.Add(ref *(long*)Address(memory, peer, offset, sizeof(long)), value);
        hub.Doorbells[peer].Ring();
    }

    // Copies finish before they return and Signal is a release store: nothing is left to order.
    public void Fence(int peer) { }

    public void Quiet() { }

    public EpWaitStatus Wait(
        ref EpWaitRequest request,
        TimeSpan timeout,
        CancellationToken cancellationToken
    ) => hub.Doorbells[rank].Wait(ref request, timeout, cancellationToken);

    public void WakeLocal() => hub.Doorbells[rank].Ring();

    public bool IsFailed(int peer) => Volatile.Read(ref hub.FailedRanks[peer]) != 0;

    public ValueTask<byte[][]> AllGatherAsync(
        ReadOnlyMemory<byte> mine,
        TimeSpan timeout,
        CancellationToken cancellationToken
    )
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return hub.GatherAsync(_rounds++, rank, mine.ToArray(), timeout, cancellationToken);
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            hub.Leave(rank);
    }

    private static byte* Address(SymmetricMemory memory, int peer, long offset, long bytes)
    {
        var own = (Memory)memory;
        if (offset < 0 || bytes < 0 || offset > own.Bytes - bytes)
            throw new ArgumentOutOfRangeException(
                nameof(offset),
                $"offset, bytes: expected a range inside [0,{own.Bytes}), got [{offset},{offset + bytes})"
            );
        return own.Base(peer) + offset;
    }

    private sealed class Memory(
        InProcessArena arena,
        int rank,
        EpTransportCapabilities capabilities
    ) : SymmetricMemory
    {
        private int _released;

        public override long Bytes => arena.Bytes;

        public override byte* Local => arena.Base(rank);

        public override object?[]? Board =>
            capabilities.HasFlag(EpTransportCapabilities.SharedAddressSpace) ? arena.Board : null;

        public byte* Base(int peer) => arena.Base(peer);

        public override byte* Peer(int peer) =>
            capabilities.HasFlag(EpTransportCapabilities.LoadStore) ? arena.Base(peer) : null;

        public override void Dispose()
        {
            if (Interlocked.Exchange(ref _released, 1) == 0)
                arena.Release();
        }
    }
}
