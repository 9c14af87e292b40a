// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Simulation;

namespace DeepInfra.DualPipe.Validation;

/// <summary>V7, V8 and the order half of V9.</summary>
internal static class ResourceCheck
{
    public static void Run(
        PipelineSchedule schedule,
        ValidationOptions options,
        FindingList findings
    )
    {
        if (schedule.ForwardOnly)
        {
            return;
        }

        var fifo =
            options.RequireFifo
            ?? schedule.Kind is PipelineScheduleKind.DualPipe or PipelineScheduleKind.DualPipeV;
        for (var rank = 0; rank < schedule.RankCount; rank++)
        {
            var bound = options.ActivationBound?.Invoke(rank) ?? ActivationBound(schedule, rank);
            var peak = ActivationUsage.Of(schedule[rank].AsSpan(), 0, 0).Peak;
            if (peak > bound)
            {
                findings.Add(
                    ValidationRule.ActivationBound,
                    rank,
                    -1,
                    $"{peak} live activations, expected at most {bound}"
                );
            }

            CheckOrder(schedule, rank, fifo, options.CheckAccumulationOrder, findings);
        }
    }

    /// <summary>The published bound of a schedule kind, in stage activations.</summary>
    internal static int ActivationBound(PipelineSchedule schedule, int rank)
    {
        int p = schedule.RankCount,
            m = schedule.MicroBatchCount;
        switch (schedule.Kind)
        {
            case PipelineScheduleKind.GPipe:
                return m;
            case PipelineScheduleKind.OneForwardOneBackward:
                return Math.Min(m, p - rank);
            case PipelineScheduleKind.Interleaved1F1B:
                var v = schedule.Placement.SlotCount;
                var perRound = m / Math.Max(1, m / p);
                return Math.Min(m * v, (2 * (p - 1 - rank)) + ((v - 1) * perRound) + 1);
            case PipelineScheduleKind.ZeroBubbleH1:
                return Math.Min(m, p);
            case PipelineScheduleKind.ZeroBubbleV:
                return Math.Min(2 * m, 2 * p);
            case PipelineScheduleKind.DualPipe or PipelineScheduleKind.DualPipeV:
                return schedule.StageCount + 1;
            default:
                return int.MaxValue;
        }
    }

    private static void CheckOrder(
        PipelineSchedule schedule,
        int rank,
        bool fifo,
        bool ascending,
        FindingList findings
    )
    {
        var last = new int[schedule.Placement.SlotCount];
        Array.Fill(last, -1);
        var queue = new Queue<(int Stage, int MicroBatch)>();
        var actions = schedule[rank].AsSpan();
        for (var i = 0; i < actions.Length; i++)
        {
            ref readonly var action = ref actions[i];
            switch (action.Kind)
            {
                case PipelineActionKind.BackwardInput:
                    queue.Enqueue((action.Stage, action.MicroBatch));
                    break;
                case PipelineActionKind.BackwardWeight:
                    if (
                        fifo
                        && queue.TryDequeue(out var oldest)
                        && oldest != (action.Stage, action.MicroBatch)
                    )
                    {
                        findings.Add(
                            ValidationRule.OutstandingWeights,
                            rank,
                            i,
                            $"{action} is not the oldest weight work, which is {oldest.Stage}W{oldest.MicroBatch}"
                        );
                    }

                    Accumulate(i, action.Slot, action.MicroBatch);
                    break;
                case PipelineActionKind.Backward:
                    Accumulate(i, action.Slot, action.MicroBatch);
                    break;
                case PipelineActionKind.ForwardBackward:
                    Accumulate(i, action.Slot2, action.MicroBatch2);
                    break;
            }
        }

        void Accumulate(int index, int slot, int microBatch)
        {
            if (!ascending || slot >= last.Length)
            {
                return;
            }

            if (microBatch < last[slot])
            {
                findings.Add(
                    ValidationRule.AccumulationOrder,
                    rank,
                    index,
                    $"weight gradients of micro-batch {microBatch} accumulate after those of {last[slot]}"
                );
            }

            last[slot] = microBatch;
        }
    }
}
