// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep;

/// <summary>Options of a low-latency combine. <see cref="UseLogFmt"/> is equal on all ranks. Immutable.</summary>
public sealed record LowLatencyCombineOptions
{
    internal static LowLatencyCombineOptions Default { get; } = new();

    /// <summary>The rows already lie in the tensor that <see cref="LowLatencyBuffer.NextCombineBuffer"/> returned, which is passed as x.</summary>
    public bool ZeroCopy { get; init; }

    /// <summary>Rows travel as LogFMT-10: 10 bits per value where all magnitudes of a block allow it. Not with <see cref="ZeroCopy"/>; H must be a multiple of 512.</summary>
    public bool UseLogFmt { get; init; }

    /// <summary>Receives the sums, BFloat16 [T,H]; null takes a tensor from the buffer's pool.</summary>
    public Tensor<BFloat16>? Output { get; init; }

    /// <summary>Int64 [R]: the time spent waiting for each source rank is added, in ticks of <see cref="System.Diagnostics.Stopwatch"/>.</summary>
    public Tensor<long>? WaitStats { get; init; }

    /// <summary>True: the whole operation runs on the buffer's communication thread. Not with a hook.</summary>
    public bool Async { get; init; }

    /// <summary>The operation starts after this event.</summary>
    public EpEvent? After { get; init; }
}
