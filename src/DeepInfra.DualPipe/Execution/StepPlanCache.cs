// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe.Execution;

/// <summary>Schedules and plans of an engine by (micro-batch count, forward only). Not thread-safe.</summary>
internal sealed class StepPlanCache(PipelineSchedule schedule, IReadOnlyList<int> ranks)
{
    private readonly Dictionary<(int MicroBatches, bool ForwardOnly), StepPlan[]> _plans = [];

    /// <summary>One plan per local rank.</summary>
    public StepPlan[] For(StepInputs inputs)
    {
        var key = (
            inputs.MicroBatchCount ?? schedule.MicroBatchCount,
            inputs.ForwardOnly || schedule.ForwardOnly
        );
        if (!_plans.TryGetValue(key, out var plans))
        {
            var wanted = Schedule(key.Item1, key.Item2);
            plans = [.. ranks.Select(rank => new StepPlan(wanted, rank))];
            _plans.Add(key, plans);
        }

        return plans;
    }

    private PipelineSchedule Schedule(int microBatchCount, bool forwardOnly)
    {
        var wanted = schedule;
        if (microBatchCount != schedule.MicroBatchCount)
        {
            if (schedule.Kind == PipelineScheduleKind.Custom)
            {
                throw new NotSupportedException(
                    $"a custom schedule for {schedule.MicroBatchCount} micro-batches cannot be rebuilt for {microBatchCount}"
                );
            }

            wanted = ScheduleCatalog.Create(
                schedule.Kind,
                schedule.RankCount,
                microBatchCount,
                schedule.Placement.SlotCount
            );
        }

        return CommunicationInserter.Insert(forwardOnly ? wanted.ToForwardOnly() : wanted);
    }
}
