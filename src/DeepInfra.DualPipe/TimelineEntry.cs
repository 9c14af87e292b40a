// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe;

/// <summary>One action on a time line.</summary>
/// <param name="Rank">Pipeline rank.</param>
/// <param name="ActionIndex">Index in the rank's schedule.</param>
/// <param name="Action">The action; a commit stands for the wait at it.</param>
/// <param name="Start">Start in the time line's unit.</param>
/// <param name="End">End in the time line's unit.</param>
public readonly record struct TimelineEntry(
    int Rank,
    int ActionIndex,
    PipelineAction Action,
    double Start,
    double End
)
{
    /// <summary>End - Start.</summary>
    public double Duration => End - Start;
}
