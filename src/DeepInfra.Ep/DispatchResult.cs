// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Ep.Engine;

namespace DeepInfra.Ep;

/// <summary>
/// What one rank received: rows in the order source rank, then source token. The tensors belong to the
/// buffer's pool: disposing the result gives them back, after which neither they nor the result may be used.
/// Reading a tensor of a result that is still in flight waits for it.
/// </summary>
public sealed class DispatchResult : IDisposable, IEpOperation
{
    private readonly ThroughputBuffer _owner;
    private int _alive;

    internal DispatchResult(ThroughputBuffer owner)
    {
        _owner = owner;
        Request = new DispatchRequest();
    }

    /// <summary>Completion of the dispatch; already complete unless it is asynchronous.</summary>
    public EpEvent Event { get; } = new();

    /// <summary>[N,H]: the received rows, of the sender's element type; in worst-case mode [worst case,H].</summary>
    public Tensor X => Completed().Slabs.X.Current!;

    /// <summary>[N,packs]: the rows' scale factors; null if none were sent.</summary>
    public Tensor? ScaleFactors => Completed().Slabs.ScaleFactors.Current;

    /// <summary>[N,K]: local expert id where the selection is on this rank, else -1; type as sent. Null in a cached dispatch or without routing tables.</summary>
    public Tensor? TopkIdx => Completed().Slabs.TopkIdx.Current;

    /// <summary>Float32 [N,K]: the weight where the selection is on this rank, else 0. Null if no weights were sent.</summary>
    public Tensor<float>? TopkWeights => (Tensor<float>?)Completed().Slabs.TopkWeights.Current;

    /// <summary>[N] Int32: the row's token index on its source rank.</summary>
    public Tensor<int> SourceIndex => (Tensor<int>)Completed().Slabs.SourceIndex.Current!;

    /// <summary>[N] Int32: source rank · most tokens per rank + token index.</summary>
    public Tensor<int> SourceGlobalIndex =>
        (Tensor<int>)Completed().Slabs.SourceGlobalIndex.Current!;

    /// <summary>Rows N that really arrived.</summary>
    public int RowCount => Completed().Request.RecvTokens;

    /// <summary>[L]: selections of each local expert, rounded up to the alignment. Empty in worst-case mode and in a cached dispatch.</summary>
    public IReadOnlyList<int> TokensPerExpert => Completed().Slabs.TokensPerExpert;

    /// <summary>The routing, for combine and cached dispatches; independent of this result's lifetime.</summary>
    public ThroughputHandle Handle { get; internal set; } = null!;

    internal DispatchRequest Request { get; }

    internal DispatchSlabs Slabs { get; } = new();

    internal bool IsAlive => Volatile.Read(ref _alive) != 0;

    EpEvent IEpOperation.Completion => Event;

    /// <summary>Splits the result.</summary>
    /// <param name="x">The rows.</param>
    /// <param name="topkIdx">Local expert ids.</param>
    /// <param name="topkWeights">Weights.</param>
    /// <param name="handle">The routing.</param>
    public void Deconstruct(
        out Tensor x,
        out Tensor? topkIdx,
        out Tensor<float>? topkWeights,
        out ThroughputHandle handle
    )
    {
        x = X;
        topkIdx = TopkIdx;
        topkWeights = TopkWeights;
        handle = Handle;
    }

    /// <summary>Waits for the dispatch if it is still in flight and gives the tensors back. The handle stays valid. A second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _alive, 0) == 0)
            return;
        Event.WaitWithoutThrow();
        Handle.Settle(Event);
        Request.Clear();
        _owner.Recycle(this);
    }

    void IEpOperation.Execute() => _owner.Execute(this);

    internal void Revive()
    {
        Event.Reset();
        Volatile.Write(ref _alive, 1);
    }

    private DispatchResult Completed()
    {
        ObjectDisposedException.ThrowIf(!IsAlive, this);
        Event.Wait();
        return this;
    }
}
