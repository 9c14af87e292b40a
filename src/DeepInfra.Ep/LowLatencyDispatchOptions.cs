// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep;

/// <summary>Options of a low-latency dispatch. The format is equal on all ranks. Immutable.</summary>
public sealed record LowLatencyDispatchOptions
{
    internal static LowLatencyDispatchOptions Default { get; } = new();

    /// <summary>How rows travel.</summary>
    public LowLatencyFormat Format { get; init; } = LowLatencyFormat.Fp8;

    /// <summary>Int32 [L]: the received tokens of each local expert are added.</summary>
    public Tensor<int>? ExpertStats { get; init; }

    /// <summary>Int64 [R]: the time spent waiting for each source rank is added, in ticks of <see cref="System.Diagnostics.Stopwatch"/>.</summary>
    public Tensor<long>? WaitStats { get; init; }

    /// <summary>True: the whole operation runs on the buffer's communication thread. Not with a hook.</summary>
    public bool Async { get; init; }

    /// <summary>The operation starts after this event.</summary>
    public EpEvent? After { get; init; }
}
