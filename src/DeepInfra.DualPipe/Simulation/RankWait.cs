// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe.Simulation;

/// <summary>A rank that stands at a commit.</summary>
/// <param name="Rank">The rank.</param>
/// <param name="ActionIndex">Index of the commit in its schedule.</param>
/// <param name="Message">The send or receive without a partner.</param>
/// <param name="Peer">The rank it waits for.</param>
public readonly record struct RankWait(int Rank, int ActionIndex, PipelineAction Message, int Peer)
{
    /// <inheritdoc/>
    public override string ToString() =>
        $"rank {Rank} at action {ActionIndex} waits for rank {Peer} to match {Message}";
}
