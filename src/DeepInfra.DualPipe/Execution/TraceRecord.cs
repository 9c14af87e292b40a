// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe.Execution;

/// <summary>One measured action.</summary>
/// <param name="Rank">Pipeline rank.</param>
/// <param name="ActionIndex">Index in the rank's schedule.</param>
/// <param name="Action">The action; a commit stands for the wait at it.</param>
/// <param name="Start">Start, measured from the first compute action of the step.</param>
/// <param name="End">End, measured from the same moment.</param>
public readonly record struct TraceRecord(
    int Rank,
    int ActionIndex,
    PipelineAction Action,
    TimeSpan Start,
    TimeSpan End
)
{
    /// <summary>End - Start.</summary>
    public TimeSpan Duration => End - Start;
}
