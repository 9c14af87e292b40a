// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep;

/// <summary>Options of a throughput combine. Immutable.</summary>
public sealed record CombineOptions
{
    internal static CombineOptions Default { get; } = new();

    /// <summary>Float32 [N,K] in received order, summed per token and position into <see cref="CombineResult.TopkWeights"/>. On all ranks or on none.</summary>
    public Tensor? TopkWeights { get; init; }

    /// <summary>[T,H] of the rows' element type, added first.</summary>
    public Tensor? Bias0 { get; init; }

    /// <summary>[T,H] of the rows' element type, added second.</summary>
    public Tensor? Bias1 { get; init; }

    /// <summary>Receives the sums, [T,H] of the rows' element type; null takes a tensor from the buffer's pool.</summary>
    public Tensor? Output { get; init; }

    /// <summary>The operation starts after this event.</summary>
    public EpEvent? After { get; init; }

    /// <summary>True: the call returns at once; see <see cref="DispatchOptions.Async"/>.</summary>
    public bool Async { get; init; }
}
