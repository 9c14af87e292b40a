// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe.Tests.Fixtures;

internal static class AllSchedules
{
    /// <summary>Every generator over small and odd sizes, training and forward-only.</summary>
    public static IEnumerable<PipelineSchedule> Enumerate()
    {
        foreach (var forwardOnly in new[] { false, true })
        {
            foreach (var p in new[] { 2, 4, 6, 8, 10, 12, 16 })
            {
                foreach (var c in new[] { 2 * p, (2 * p) + 2, 3 * p, 5 * p })
                {
                    yield return PipelineSchedules.DualPipe(p, c, forwardOnly);
                }
            }

            foreach (var p in new[] { 1, 2, 3, 4, 5, 8 })
            {
                foreach (var c in new[] { 2 * p, (2 * p) + 1, 3 * p, 5 * p })
                {
                    yield return PipelineSchedules.DualPipeV(p, c, forwardOnly);
                }

                foreach (var m in new[] { 1, Math.Max(1, p - 1), p, 2 * p, (3 * p) + 1 })
                {
                    yield return PipelineSchedules.GPipe(p, m, forwardOnly);
                    yield return PipelineSchedules.OneForwardOneBackward(p, m, forwardOnly);
                    yield return PipelineSchedules.ZeroBubbleH1(p, m, forwardOnly);
                    yield return PipelineSchedules.ZeroBubbleV(p, m, forwardOnly);
                    if (m < p || m % Math.Max(1, m / p) == 0)
                    {
                        yield return PipelineSchedules.Interleaved1F1B(p, m, 2, forwardOnly);
                        yield return PipelineSchedules.Interleaved1F1B(p, m, 3, forwardOnly);
                    }
                }
            }
        }
    }

    /// <summary>A copy with one rank's actions edited.</summary>
    public static PipelineSchedule With(
        this PipelineSchedule schedule,
        int rank,
        Action<List<PipelineAction>> edit
    ) =>
        new(
            schedule.Kind,
            schedule.Placement,
            schedule.MicroBatchCount,
            schedule.ForwardOnly,
            [
                .. Enumerable
                    .Range(0, schedule.RankCount)
                    .Select(r =>
                    {
                        var list = schedule[r].ToList();
                        if (r == rank)
                        {
                            edit(list);
                        }

                        return System.Collections.Immutable.ImmutableArray.CreateRange(list);
                    }),
            ]
        );
}
