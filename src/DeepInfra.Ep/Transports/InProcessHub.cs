// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep.Transports;

/// <summary>What the ranks of one in-process group share: memory, doorbells, gather rounds and who left.</summary>
internal sealed class InProcessHub
{
    private readonly Lock _gate = new();
    private readonly List<InProcessArena> _arenas = [];
    private readonly Dictionary<long, InProcessRound> _rounds = [];

    public InProcessHub(int size, InProcessOptions options)
    {
        Options = options;
        Topology = new EpTopology(size, options.Domains);
        FailedRanks = new int[size];
        Doorbells = new Doorbell[size];
        for (var i = 0; i < size; i++)
            Doorbells[i] = new Doorbell(FailedRanks, spin: Environment.ProcessorCount > 1);
    }

    public InProcessOptions Options { get; }

    public EpTopology Topology { get; }

    public int Size => Topology.Size;

    public int[] FailedRanks { get; }

    public Doorbell[] Doorbells { get; }

    /// <summary>
    /// The arena of the n-th allocation. The first rank to ask creates it for all, so one thread may create the
    /// buffers of several ranks one after the other.
    /// </summary>
    public InProcessArena GetArena(int index, long bytes)
    {
        lock (_gate)
        {
            if (index == _arenas.Count)
                _arenas.Add(new InProcessArena(Size, bytes));
            var arena = _arenas[index];
            if (arena.Bytes != bytes)
                throw new EpException(
                    $"Ranks disagree about symmetric allocation {index}: {bytes} bytes here, {arena.Bytes} on the rank that came first"
                );
            return arena;
        }
    }

    /// <summary>Adds a rank's part to the round with the given number and completes with all parts.</summary>
    public async ValueTask<byte[][]> GatherAsync(
        long index,
        int rank,
        byte[] data,
        TimeSpan timeout,
        CancellationToken cancellationToken
    )
    {
        var round = Contribute(index, rank, data);
        // Longer than a timer measures: as good as for ever.
        if (timeout.TotalMilliseconds >= uint.MaxValue)
            timeout = Timeout.InfiniteTimeSpan;
        try
        {
            return await round
                .Completion.WaitAsync(timeout, cancellationToken)
                .ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw new ExpertParallelTimeoutException(
                new EpErrorRecord("AllGather", "arrive", rank, round.FirstMissing, 0, 1, timeout)
            );
        }
    }

    private InProcessRound Contribute(long index, int rank, byte[] data)
    {
        lock (_gate)
        {
            if (!_rounds.TryGetValue(index, out var round))
                _rounds.Add(index, round = new InProcessRound(Size));
            if (round.Contribute(rank, data))
                _rounds.Remove(index);
            else
                FailRoundIfIncomplete(round);
            return round;
        }
    }

    public void Leave(int rank)
    {
        lock (_gate)
        {
            Volatile.Write(ref FailedRanks[rank], 1);
            foreach (var round in _rounds.Values)
                FailRoundIfIncomplete(round);
        }
        foreach (var doorbell in Doorbells)
            doorbell.Ring();
    }

    private void FailRoundIfIncomplete(InProcessRound round)
    {
        var missing = new List<int>();
        for (var rank = 0; rank < Size; rank++)
            if (FailedRanks[rank] != 0 && !round.Has(rank))
                missing.Add(rank);
        if (missing.Count > 0)
            round.Fail(
                new PeerFailedException(
                    $"ranks {string.Join(", ", missing)} left the group before a collective call completed",
                    missing
                )
            );
    }
}
