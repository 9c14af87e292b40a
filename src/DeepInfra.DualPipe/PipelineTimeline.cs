// SPDX-License-Identifier: MIT
using System.Collections.Immutable;

namespace DeepInfra.DualPipe;

/// <summary>
/// When each rank did what: simulated or measured, the input of every renderer. Immutable, thread-safe.
/// </summary>
public sealed class PipelineTimeline
{
    /// <summary>Creates a time line.</summary>
    /// <param name="title">What it shows.</param>
    /// <param name="unit">Unit of time, for labels; empty for relative cost units.</param>
    /// <param name="rankCount">Number of ranks.</param>
    /// <param name="entries">The entries, ordered by rank and start.</param>
    public PipelineTimeline(
        string title,
        string unit,
        int rankCount,
        ImmutableArray<TimelineEntry> entries
    )
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rankCount, 1);
        ArgumentNullException.ThrowIfNull(title);
        ArgumentNullException.ThrowIfNull(unit);
        if (entries.IsDefault)
        {
            entries = [];
        }

        Title = title;
        Unit = unit;
        RankCount = rankCount;
        Entries = entries;
        foreach (var entry in entries)
        {
            if ((uint)entry.Rank >= (uint)rankCount)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(entries),
                    entry.Rank,
                    $"expected ranks below {rankCount}"
                );
            }

            if (!double.IsFinite(entry.Start) || !double.IsFinite(entry.End))
            {
                throw new ArgumentOutOfRangeException(
                    nameof(entries),
                    entry,
                    "expected finite times"
                );
            }

            Makespan = Math.Max(Makespan, entry.Action.IsCompute ? entry.End : 0);
        }
    }

    /// <summary>What it shows.</summary>
    public string Title { get; }

    /// <summary>Unit of time; empty for relative cost units.</summary>
    public string Unit { get; }

    /// <summary>Number of ranks.</summary>
    public int RankCount { get; }

    /// <summary>Entries ordered by rank and start.</summary>
    public ImmutableArray<TimelineEntry> Entries { get; }

    /// <summary>End of the last compute action.</summary>
    public double Makespan { get; }
}
