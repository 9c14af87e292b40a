// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>How a kernel is launched.</summary>
/// <param name="Grid">Blocks.</param>
/// <param name="Block">Threads of a block.</param>
/// <param name="DynamicSharedBytes">Dynamic shared memory of a block in bytes.</param>
public readonly record struct LaunchConfig(Dim3 Grid, Dim3 Block, int DynamicSharedBytes = 0)
{
    /// <summary>
    /// Blocks of a cluster, which run at the same time and address each other's shared memory; the grid must be a
    /// multiple. (0,0,0) means that the kernel decides. Compute capability 9.0 and above.
    /// </summary>
    public Dim3 Cluster { get; init; }

    /// <summary>All blocks of the grid run at the same time, so that they can wait for each other.</summary>
    public bool IsCooperative { get; init; }

    /// <summary>
    /// Programmatic dependent launch: the kernel may start while the one before it on the stream ends; it must wait by
    /// <c>griddepcontrol.wait</c> before it reads what that one writes. Compute capability 9.0 and above.
    /// </summary>
    public bool AllowsEarlyStart { get; init; }

    /// <summary>Launch priority; 0 takes the stream's.</summary>
    public int Priority { get; init; }

    internal bool HasCluster => Cluster != default;
}
