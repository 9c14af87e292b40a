// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Simulation;

/// <summary>What a commit waits for in the model.</summary>
public enum TransportModel
{
    /// <summary>Sends never block; a commit waits for its receives only.</summary>
    Eager,

    /// <summary>
    /// A commit completes when every message in it, sent or received, has its partner in a submitted
    /// commit.
    /// </summary>
    BatchedRendezvous,
}
