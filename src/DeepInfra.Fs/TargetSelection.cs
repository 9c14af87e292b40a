// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs;

/// <summary>Which replica of a chunk a read goes to.</summary>
public enum TargetSelection
{
    /// <summary>The node with the fewest ranges of the same batch; ties go to the least used one so far.</summary>
    LoadBalance = 0,

    /// <summary>The replicas of a chain in turn.</summary>
    RoundRobin = 1,

    /// <summary>Any replica with equal probability.</summary>
    Random = 2,

    /// <summary>The last replica of the chain.</summary>
    Tail = 3,

    /// <summary>The first replica of the chain; writes always go there.</summary>
    Head = 4,
}
