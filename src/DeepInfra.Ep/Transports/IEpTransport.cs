// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep.Transports;

/// <summary>
/// One rank's access to the symmetric memory of its group. Engines write payload, then a signal; a peer that
/// sees the signal sees the payload. Signals are 64-bit cells that only grow. Thread-safe unless noted.
/// </summary>
internal unsafe interface IEpTransport : IDisposable
{
    /// <summary>Short name for messages.</summary>
    string Name { get; }

    /// <summary>This rank.</summary>
    int Rank { get; }

    /// <summary>Number of ranks.</summary>
    int Size { get; }

    /// <summary>How ranks are spread over domains.</summary>
    EpTopology Topology { get; }

    /// <summary>What the transport can do.</summary>
    EpTransportCapabilities Capabilities { get; }

    /// <summary>
    /// Allocates zeroed symmetric memory. Collective: every rank makes the same calls in the same order, from one
    /// thread at a time.
    /// </summary>
    /// <param name="bytes">Bytes per rank, equal everywhere.</param>
    SymmetricMemory Allocate(long bytes);

    /// <summary>Starts copying into a peer's memory; the source must not change before <see cref="Quiet"/>.</summary>
    void Put(SymmetricMemory memory, int rank, long offset, void* source, long bytes);

    /// <summary>Copies out of a peer's memory; complete on return.</summary>
    void Get(SymmetricMemory memory, int rank, long offset, void* destination, long bytes);

    /// <summary>Writes a signal cell after everything that this rank put to the same rank before.</summary>
    void Signal(SymmetricMemory memory, int rank, long offset, long value);

    /// <summary>Adds to a signal cell after everything that this rank put to the same rank before.</summary>
    void Add(SymmetricMemory memory, int rank, long offset, long value);

    /// <summary>Orders earlier operations to a rank, plain stores through a peer pointer included, before later ones.</summary>
    void Fence(int rank);

    /// <summary>Waits until all puts of this rank have left their sources and reached their destinations.</summary>
    void Quiet();

    /// <summary>Waits for signal cells in local memory; after success the payload they announce is visible.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    EpWaitStatus Wait(
        ref EpWaitRequest request,
        TimeSpan timeout,
        CancellationToken cancellationToken
    );

    /// <summary>Makes waits of this rank look at their cells, skip lists and failures again.</summary>
    void WakeLocal();

    /// <summary>True once a rank left the group.</summary>
    bool IsFailed(int rank);

    /// <summary>Gathers bytes of every rank, for set-up. Collective.</summary>
    ValueTask<byte[][]> AllGatherAsync(
        ReadOnlyMemory<byte> mine,
        TimeSpan timeout,
        CancellationToken cancellationToken
    );
}
