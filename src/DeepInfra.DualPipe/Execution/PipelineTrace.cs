// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using System.Diagnostics;
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe.Execution;

/// <summary>
/// Measured start and end of the actions of one step on the local ranks. Time zero is the start of the
/// first compute action. Immutable, thread-safe.
/// </summary>
public sealed class PipelineTrace
{
    private PipelineTrace(PipelineSchedule schedule, ImmutableArray<TraceRecord> records)
    {
        Schedule = schedule;
        Records = records;
        foreach (var record in records)
        {
            if (record.Action.IsCompute && record.End > Makespan)
            {
                Makespan = record.End;
            }
        }
    }

    /// <summary>The schedule that ran.</summary>
    public PipelineSchedule Schedule { get; }

    /// <summary>The records, ordered by rank and time.</summary>
    public ImmutableArray<TraceRecord> Records { get; }

    /// <summary>From the start of the first compute action to the end of the last one, over all local ranks.</summary>
    public TimeSpan Makespan { get; }

    /// <summary>The trace in the form that the renderers take; milliseconds.</summary>
    /// <param name="title">Title; null = "measured" and the schedule.</param>
    /// <returns>The time line.</returns>
    public PipelineTimeline ToTimeline(string? title = null) =>
        new(
            title ?? $"measured: {Schedule}",
            "ms",
            Schedule.RankCount,
            [
                .. Records.Select(r => new TimelineEntry(
                    r.Rank,
                    r.ActionIndex,
                    r.Action,
                    r.Start.TotalMilliseconds,
                    r.End.TotalMilliseconds
                )),
            ]
        );

    internal static PipelineTrace Create(
        PipelineSchedule schedule,
        IReadOnlyList<(int Rank, TraceBuffer.Entry[] Entries)> ranks
    )
    {
        var origin = long.MaxValue;
        foreach (var (rank, entries) in ranks)
        {
            foreach (var entry in entries)
            {
                if (schedule[rank][entry.ActionIndex].IsCompute)
                {
                    origin = Math.Min(origin, entry.Start);
                }
            }
        }

        var records = ImmutableArray.CreateBuilder<TraceRecord>();
        foreach (var (rank, entries) in ranks)
        {
            foreach (var entry in entries)
            {
                records.Add(
                    new TraceRecord(
                        rank,
                        entry.ActionIndex,
                        schedule[rank][entry.ActionIndex],
                        Elapsed(origin, entry.Start),
                        Elapsed(origin, entry.End)
                    )
                );
            }
        }

        return new PipelineTrace(schedule, records.DrainToImmutable());
    }

    private static TimeSpan Elapsed(long from, long to) => Stopwatch.GetElapsedTime(from, to);
}
