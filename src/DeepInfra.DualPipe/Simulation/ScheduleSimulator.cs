// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe.Simulation;

/// <summary>
/// Event simulation of a schedule under a cost model. Linear in the number of actions. Thread-safe.
/// </summary>
/// <example>
/// <code>
/// var result = ScheduleSimulator.Simulate(schedule, new CostModel { Forward = 1, Backward = 2, Weight = 1 });
/// Console.WriteLine($"makespan {result.Makespan}, bubble {result.LargestBubble}");
/// </code>
/// </example>
public static class ScheduleSimulator
{
    /// <summary>Simulates a schedule.</summary>
    /// <param name="schedule">The schedule; sends and receives are added when it has none.</param>
    /// <param name="costs">Costs; null = F 1, B 2, W 1, no latency, eager transport.</param>
    /// <returns>Times, bubbles, peaks and the time line.</returns>
    /// <exception cref="PipelineDeadlockException">The schedule cannot finish.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A cost is negative or not finite.</exception>
    public static SimulationResult Simulate(PipelineSchedule schedule, CostModel? costs = null)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        costs ??= new CostModel();
        costs.Validate();
        var complete = CommunicationInserter.Insert(schedule);
        var machine = new ScheduleMachine(complete, costs, record: true);
        if (!machine.Run())
        {
            throw new PipelineDeadlockException(costs.Transport, machine.FindWaits());
        }

        var timeline = new PipelineTimeline(
            $"simulated: {complete}",
            "",
            complete.RankCount,
            machine.Entries()
        );
        return new SimulationResult(
            complete,
            costs,
            Statistics(complete, costs, timeline),
            timeline,
            machine.CriticalPath()
        );
    }

    private static ImmutableArray<RankStatistics> Statistics(
        PipelineSchedule schedule,
        CostModel costs,
        PipelineTimeline timeline
    )
    {
        var busy = new double[schedule.RankCount];
        var start = new double[schedule.RankCount];
        var end = new double[schedule.RankCount];
        Array.Fill(start, double.PositiveInfinity);
        foreach (var entry in timeline.Entries)
        {
            if (entry.Action.IsCompute)
            {
                busy[entry.Rank] += entry.Duration;
                start[entry.Rank] = Math.Min(start[entry.Rank], entry.Start);
                end[entry.Rank] = Math.Max(end[entry.Rank], entry.End);
            }
        }

        var ranks = ImmutableArray.CreateBuilder<RankStatistics>(schedule.RankCount);
        for (var rank = 0; rank < schedule.RankCount; rank++)
        {
            var usage = ActivationUsage.Of(
                schedule[rank].AsSpan(),
                costs.ActivationBytes,
                costs.DeferredActivationBytes
            );
            ranks.Add(
                new RankStatistics(
                    rank,
                    busy[rank],
                    double.IsInfinity(start[rank]) ? 0 : start[rank],
                    end[rank],
                    timeline.Makespan - busy[rank],
                    usage.Peak,
                    usage.PeakBytes,
                    usage.PeakPendingWeights
                )
            );
        }

        return ranks.MoveToImmutable();
    }
}
