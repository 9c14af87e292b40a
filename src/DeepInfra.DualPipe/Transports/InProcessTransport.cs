// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Transports;

/// <summary>
/// Transport between the ranks of one process. Tensors move without a copy: the receiver gets the object
/// that the sender gave away. Thread-safe. Continuations of its tasks run inline, on the thread that
/// completes them.
/// </summary>
/// <remarks>
/// A message whose receive is already posted is handed over at once. Otherwise up to
/// <c>capacity</c> messages per (source, destination) are buffered and their sends complete; later sends
/// stay pending, but any of them can still be matched by its tag, so a full buffer never blocks a
/// message that the receiver wants.
/// </remarks>
public sealed class InProcessTransport : IPipelineTransport
{
    private readonly InProcessHub _hub;

    private InProcessTransport(InProcessHub hub, int rank)
    {
        _hub = hub;
        Rank = rank;
    }

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int RankCount => _hub.RankCount;

    /// <inheritdoc/>
    public Task<AbortInfo> Faulted => _hub.Faulted;

    /// <summary>Creates the connected ends of a group of ranks.</summary>
    /// <param name="rankCount">Number of ranks; >= 1.</param>
    /// <param name="capacity">Messages buffered per (source, destination); >= 1.</param>
    /// <returns>One transport per rank.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A value is below 1.</exception>
    public static InProcessTransport[] CreateGroup(int rankCount, int capacity = 4)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rankCount, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        var hub = new InProcessHub(rankCount, capacity);
        var transports = new InProcessTransport[rankCount];
        for (var i = 0; i < rankCount; i++)
        {
            transports[i] = new InProcessTransport(hub, i);
        }

        return transports;
    }

    /// <inheritdoc/>
    public ValueTask SendAsync(
        int destination,
        MessageTag tag,
        TensorList tensors,
        CancellationToken cancellationToken = default
    )
    {
        CheckRank(destination, nameof(destination));
        return _hub[destination].Send(Rank, tag, tensors, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<TensorMessage> ReceiveAsync(
        int source,
        MessageTag tag,
        CancellationToken cancellationToken = default
    )
    {
        CheckRank(source, nameof(source));
        return _hub[Rank].Receive(tag, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask AbortAsync(AbortInfo reason)
    {
        ArgumentNullException.ThrowIfNull(reason);
        _hub.Abort(reason);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask ResetAsync(long nextStepId)
    {
        _hub.Reset(nextStepId);
        return ValueTask.CompletedTask;
    }

    /// <summary>Drops buffered messages. The other ends fail from now on.</summary>
    /// <returns>A task.</returns>
    public ValueTask DisposeAsync()
    {
        _hub.Abort(new AbortInfo(Rank, "dispose", "the transport was disposed"));
        return ValueTask.CompletedTask;
    }

    private void CheckRank(int rank, string name)
    {
        if ((uint)rank >= (uint)RankCount)
        {
            throw new ArgumentOutOfRangeException(name, rank, $"expected 0 <= rank < {RankCount}");
        }
    }
}
