// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep;

/// <summary>
/// The routing of one low-latency dispatch, which combine needs. Disposing it returns its memory to the buffer, as soon
/// as the operations that use it are complete; not disposing it is harmless.
/// </summary>
public sealed class LowLatencyHandle : IDisposable
{
    private readonly object _gate = new();
    private bool _alive;
    private int _uses;

    internal LowLatencyHandle(LowLatencyBuffer owner)
    {
        Owner = owner;
        var options = owner.Options;
        var ranks = owner.Group.Size;
        var localExperts = options.Experts / ranks;
        // Pooled memory outlives the scope of the call that needed it first.
        using var suspended = TensorScope.Suspend();
        SourceInfo = Tensor<int>.Create([localExperts, (long)ranks * options.MaxTokensPerRank]);
        LayoutRange = Tensor<long>.Create([localExperts, ranks]);
    }

    /// <summary>Int32 [L, R·M]: source token of each received row.</summary>
    public Tensor<int> SourceInfo { get; }

    /// <summary>Int64 [L, R]: rows of a source rank in a local expert, first row in the upper 32 bits, number in the lower.</summary>
    public Tensor<long> LayoutRange { get; }

    /// <summary>Most tokens per rank M.</summary>
    public int MaxTokensPerRank => Owner.Options.MaxTokensPerRank;

    /// <summary>Row length H.</summary>
    public int Hidden => Owner.Options.Hidden;

    /// <summary>Number of experts E.</summary>
    public int Experts => Owner.Options.Experts;

    internal LowLatencyBuffer Owner { get; }

    /// <summary>Number of the dispatch; equal on all ranks.</summary>
    internal long Sequence { get; set; }

    internal int TokenCount { get; set; }

    internal int TopK { get; set; }

    /// <summary>[T,K]: the dispatch's experts.</summary>
    internal int[] ExpertIds = [];

    /// <summary>[T,K]: position among this rank's tokens for that expert.</summary>
    internal int[] Slots = [];

    internal long ReceivedRows { get; set; }

    internal bool IsReceived { get; set; }

    internal bool IsAlive
    {
        get
        {
            lock (_gate)
                return _alive;
        }
    }

    /// <summary>Returns the memory to the buffer once no operation uses it. A second call does nothing.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (!_alive)
                return;
            _alive = false;
            if (_uses > 0)
                return;
        }
        Owner.Recycle(this);
    }

    internal void Revive()
    {
        IsReceived = false;
        lock (_gate)
            _alive = true;
    }

    /// <summary>Keeps the memory for an operation; false if the handle was disposed.</summary>
    internal bool TryUse()
    {
        lock (_gate)
        {
            if (!_alive)
                return false;
            _uses++;
            return true;
        }
    }

    /// <summary>Ends a use.</summary>
    internal void EndUse()
    {
        lock (_gate)
            if (--_uses > 0 || _alive)
                return;
        Owner.Recycle(this);
    }

    internal void Free()
    {
        SourceInfo.Dispose();
        LayoutRange.Dispose();
    }
}
