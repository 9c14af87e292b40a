// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Ep.Engine;

namespace DeepInfra.Ep;

/// <summary>
/// The sums per token on its original rank. The tensors belong to the buffer's pool (or are the caller's
/// <see cref="CombineOptions.Output"/>): disposing the result gives them back. Reading a tensor of a result
/// that is still in flight waits for it.
/// </summary>
public sealed class CombineResult : IDisposable, IEpOperation
{
    private readonly ThroughputBuffer _owner;
    private int _alive;

    internal CombineResult(ThroughputBuffer owner)
    {
        _owner = owner;
        Request = new CombineRequest();
    }

    /// <summary>Completion of the combine; already complete unless it is asynchronous.</summary>
    public EpEvent Event { get; } = new();

    /// <summary>[T,H]: bias 0 + bias 1 + the rows of the token by ascending rank, summed in Float32 and rounded once to the rows' type.</summary>
    public Tensor X => Completed().Request.Output!;

    /// <summary>Float32 [T,K]: the sums of the given weights; null if none were given.</summary>
    public Tensor<float>? TopkWeights => (Tensor<float>?)Completed().WeightsSlab.Current;

    internal CombineRequest Request { get; }

    internal TensorSlab Slab { get; } = new();

    internal TensorSlab WeightsSlab { get; } = new();

    EpEvent IEpOperation.Completion => Event;

    /// <summary>Waits for the combine if it is still in flight and gives the tensors back. A second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _alive, 0) == 0)
            return;
        Event.WaitWithoutThrow();
        Request.Clear();
        _owner.Recycle(this);
    }

    void IEpOperation.Execute() => _owner.Execute(this);

    internal void Revive()
    {
        Event.Reset();
        Volatile.Write(ref _alive, 1);
    }

    private CombineResult Completed()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _alive) == 0, this);
        Event.Wait();
        return this;
    }
}
