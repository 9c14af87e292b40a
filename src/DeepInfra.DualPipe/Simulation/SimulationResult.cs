// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe.Simulation;

/// <summary>Result of a simulation. Immutable, thread-safe.</summary>
public sealed class SimulationResult
{
    internal SimulationResult(
        PipelineSchedule schedule,
        CostModel costs,
        ImmutableArray<RankStatistics> ranks,
        PipelineTimeline timeline,
        ImmutableArray<TimelineEntry> criticalPath
    )
    {
        Schedule = schedule;
        Costs = costs;
        Ranks = ranks;
        Timeline = timeline;
        CriticalPath = criticalPath;
        Makespan = timeline.Makespan;
        LargestBubble = ranks.Max(r => r.GlobalBubble);
        BubbleRatio = Makespan > 0 ? ranks.Sum(r => r.GlobalBubble) / (Makespan * ranks.Length) : 0;
    }

    /// <summary>The schedule, communication included.</summary>
    public PipelineSchedule Schedule { get; }

    /// <summary>The costs.</summary>
    public CostModel Costs { get; }

    /// <summary>End of the last compute action.</summary>
    public double Makespan { get; }

    /// <summary>Figures per rank.</summary>
    public ImmutableArray<RankStatistics> Ranks { get; }

    /// <summary>Largest <see cref="RankStatistics.GlobalBubble"/> of any rank.</summary>
    public double LargestBubble { get; }

    /// <summary>Idle share of all ranks' time, 0 to 1.</summary>
    public double BubbleRatio { get; }

    /// <summary>What ran when, compute actions and waits at commits.</summary>
    public PipelineTimeline Timeline { get; }

    /// <summary>
    /// Compute actions from the start to the end of the step, each of which had to wait for the one before
    /// it.
    /// </summary>
    public ImmutableArray<TimelineEntry> CriticalPath { get; }
}
