// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;
using DeepInfra.Ep.Transports;

namespace DeepInfra.Ep;

/// <summary>
/// One rank's membership in an expert-parallel group. Buffers are created on it; every rank creates the same
/// buffers in the same order and makes the same collective calls on them. Members may be used from any thread,
/// collective calls of one rank from one thread at a time.
/// </summary>
/// <example>
/// <code>
/// var groups = ExpertParallelGroup.CreateInProcess(2);
/// // thread r:
/// using var buffer = ThroughputBuffer.Create(groups[r], new() { MaxTokensPerRank = 128, Hidden = 256 });
/// </code>
/// </example>
public sealed class ExpertParallelGroup : IAsyncDisposable, IDisposable
{
    private static readonly TimeSpan s_defaultTimeout = TimeSpan.FromSeconds(100);

    private int _disposed;

    private ExpertParallelGroup(IEpTransport transport, CpuBackendOptions cpu, int threads)
    {
        Transport = transport;
        Cpu = cpu;
        Threads =
            threads > 0
                ? threads
                : Math.Max(
                    1,
                    Math.Min(cpu.MaxDegreeOfParallelism, Environment.ProcessorCount)
                        / transport.Size
                );
    }

    /// <summary>This rank, 0 to <see cref="Size"/> - 1.</summary>
    public int Rank => Transport.Rank;

    /// <summary>Number of ranks.</summary>
    public int Size => Transport.Size;

    /// <summary>How ranks are spread over domains.</summary>
    public EpTopology Topology => Transport.Topology;

    /// <summary>Counts the memberships that this group went through; handles of an older one are refused.</summary>
    public int Generation { get; }

    /// <summary>Name of the transport between the ranks.</summary>
    public string TransportName => Transport.Name;

    /// <summary>The ranks that left the group, ascending.</summary>
    public IReadOnlyList<int> FailedRanks
    {
        get
        {
            var failed = new List<int>();
            for (var rank = 0; rank < Size; rank++)
                if (Transport.IsFailed(rank))
                    failed.Add(rank);
            return failed;
        }
    }

    internal IEpTransport Transport { get; }

    internal CpuBackendOptions Cpu { get; }

    internal int Threads { get; }

    internal bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    /// <summary>Creates a group whose ranks are threads of this process.</summary>
    /// <param name="size">Number of ranks, 1 to 1024.</param>
    /// <param name="options">How ranks exchange data; null for the defaults.</param>
    /// <returns>One group object per rank, index = rank. Give each to the thread that plays that rank.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The size or the number of threads is outside its range.</exception>
    /// <exception cref="ArgumentException">The domains do not divide the ranks.</exception>
    public static ExpertParallelGroup[] CreateInProcess(int size, InProcessOptions? options = null)
    {
        options ??= new InProcessOptions();
        if (options.ThreadsPerRank < 0)
            throw new ArgumentOutOfRangeException(
                nameof(options),
                $"options.ThreadsPerRank: expected a value >= 0, got {options.ThreadsPerRank}"
            );
        var hub = new InProcessHub(size, options);
        var groups = new ExpertParallelGroup[size];
        for (var rank = 0; rank < size; rank++)
            groups[rank] = new ExpertParallelGroup(
                new InProcessTransport(hub, rank),
                options.Cpu,
                options.ThreadsPerRank
            );
        return groups;
    }

    /// <summary>Completes when every rank has called it. Collective.</summary>
    /// <param name="timeout">How long to wait; 100 seconds by default.</param>
    /// <param name="cancellationToken">Cancels the wait of this rank.</param>
    /// <exception cref="ExpertParallelTimeoutException">A rank did not come in time.</exception>
    /// <exception cref="PeerFailedException">A rank left the group.</exception>
    public async ValueTask BarrierAsync(
        TimeSpan? timeout = null,
        CancellationToken cancellationToken = default
    ) => await AllGatherAsync(default, timeout, cancellationToken).ConfigureAwait(false);

    /// <summary>Gathers bytes of every rank. Collective.</summary>
    /// <param name="data">This rank's bytes, any length.</param>
    /// <param name="timeout">How long to wait; 100 seconds by default.</param>
    /// <param name="cancellationToken">Cancels the wait of this rank.</param>
    /// <returns>The bytes of each rank, index = rank.</returns>
    /// <exception cref="ExpertParallelTimeoutException">A rank did not come in time.</exception>
    /// <exception cref="PeerFailedException">A rank left the group.</exception>
    public async ValueTask<IReadOnlyList<ReadOnlyMemory<byte>>> AllGatherAsync(
        ReadOnlyMemory<byte> data,
        TimeSpan? timeout = null,
        CancellationToken cancellationToken = default
    )
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        var gathered = await Transport
            .AllGatherAsync(data, timeout ?? s_defaultTimeout, cancellationToken)
            .ConfigureAwait(false);
        return Array.ConvertAll(gathered, bytes => (ReadOnlyMemory<byte>)bytes);
    }

    /// <summary>Sends one rank's bytes to all. Collective.</summary>
    /// <param name="data">The bytes; used on the root only.</param>
    /// <param name="root">The rank that sends.</param>
    /// <param name="timeout">How long to wait; 100 seconds by default.</param>
    /// <param name="cancellationToken">Cancels the wait of this rank.</param>
    /// <returns>The root's bytes, on every rank.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No such root.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> BroadcastAsync(
        ReadOnlyMemory<byte> data,
        int root,
        TimeSpan? timeout = null,
        CancellationToken cancellationToken = default
    )
    {
        if ((uint)root >= (uint)Size)
            throw new ArgumentOutOfRangeException(
                nameof(root),
                $"root: expected a rank in [0,{Size}), got {root}"
            );
        var all = await AllGatherAsync(Rank == root ? data : default, timeout, cancellationToken)
            .ConfigureAwait(false);
        return all[root];
    }

    /// <summary>Leaves the group: peers that wait for this rank fail at once. A second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            Transport.Dispose();
    }

    /// <inheritdoc cref="Dispose"/>
    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }
}
