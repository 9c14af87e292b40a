// SPDX-License-Identifier: MIT
using System.Runtime.ExceptionServices;
using DeepInfra.Ep.Engine;

namespace DeepInfra.Ep;

/// <summary>
/// The routing of one dispatch: what combine and cached dispatches of the same tokens need. Valid until its
/// buffer is disposed. Disposing it returns its memory to the buffer; not disposing it is harmless.
/// </summary>
public sealed class ThroughputHandle : IDisposable
{
    private readonly ThroughputBuffer _owner;
    private EpEvent? _producer;
    private ExceptionDispatchInfo? _failure;
    private int _alive;

    internal ThroughputHandle(ThroughputBuffer owner) => _owner = owner;

    /// <summary>Tokens that this rank dispatched.</summary>
    public int TokenCount => Ready().TokenCount;

    /// <summary>Rows N that this rank received.</summary>
    public int RecvTokenCount => Ready().RecvTokenCount;

    /// <summary>Number of experts E.</summary>
    public int ExpertCount => Ready().ExpertCount;

    /// <summary>Selections per token K; 0 if the dispatch had no routing tables.</summary>
    public int TopK => Ready().TopK;

    /// <summary>The expert alignment of the dispatch.</summary>
    public int ExpertAlignment => Ready().Alignment;

    /// <summary>Most tokens per rank M.</summary>
    public int MaxTokensPerRank => _owner.Options.MaxTokensPerRank;

    /// <summary>[N]: index of each received row's token on its source rank.</summary>
    public ReadOnlySpan<int> SourceIndex => Ready().RecvSource.AsSpan(0, Plan.RecvTokenCount);

    /// <summary>[R+1]: rows from source rank s are those from entry s up to entry s+1.</summary>
    public ReadOnlySpan<int> RankPrefix => Ready().RecvPrefix.AsSpan(0, _owner.Group.Size + 1);

    internal RoutingPlan Plan { get; } = new();

    internal ThroughputBuffer Owner => _owner;

    internal bool IsAlive => Volatile.Read(ref _alive) != 0;

    /// <summary>Returns the memory to the buffer. The handle must not be used after that; a second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _alive, 0) != 0)
            _owner.Recycle(this);
    }

    internal void Attach(EpEvent producer)
    {
        _failure = null;
        _producer = producer;
        Volatile.Write(ref _alive, 1);
    }

    /// <summary>The plan, once the dispatch that makes it is complete.</summary>
    internal RoutingPlan Ready()
    {
        if (!IsAlive)
            throw new StaleHandleException("The handle was disposed.");
        _producer?.Wait();
        _failure?.Throw();
        return Plan;
    }

    /// <summary>Keeps the outcome of the dispatch that made the handle: its event is about to serve another one.</summary>
    internal void Settle(EpEvent producer)
    {
        // The handle may have been disposed and be another dispatch's by now.
        if (_producer != producer)
            return;
        _failure = producer.Error;
        _producer = null;
    }
}
