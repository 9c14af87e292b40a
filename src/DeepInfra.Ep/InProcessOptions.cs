// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;

namespace DeepInfra.Ep;

/// <summary>How the ranks of one process exchange data. Immutable.</summary>
public sealed record InProcessOptions
{
    /// <summary>
    /// True (default): a receiver copies rows straight out of the sender's tensors. False: rows travel through
    /// the buffers' receive areas as they do between processes. Results are the same.
    /// </summary>
    public bool ZeroCopy { get; init; } = true;

    /// <summary>
    /// With <see cref="ZeroCopy"/> off: true writes into the peer's receive area directly, false through the
    /// send area and the transport's put operation.
    /// </summary>
    public bool LoadStore { get; init; } = true;

    /// <summary>Number of domains that the ranks are divided into; see <see cref="EpTopology"/>.</summary>
    public int Domains { get; init; } = 1;

    /// <summary>
    /// Threads that one rank uses for copies and reductions, the calling thread included. 0 (default): the
    /// processor's cores divided by the number of ranks, at least 1. Results do not depend on it.
    /// </summary>
    public int ThreadsPerRank { get; init; }

    /// <summary>The SIMD tier to use.</summary>
    public CpuBackendOptions Cpu { get; init; } = CpuBackendOptions.Default;
}
