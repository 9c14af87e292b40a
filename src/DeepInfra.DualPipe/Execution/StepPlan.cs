// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe.Execution;

/// <summary>One rank's view of a schedule, prepared for the interpreter.</summary>
internal sealed class StepPlan
{
    public StepPlan(PipelineSchedule schedule, int rank)
    {
        var placement = schedule.Placement;
        Schedule = schedule;
        Actions = schedule[rank];
        MicroBatchCount = schedule.MicroBatchCount;
        Stages = new int[placement.SlotCount];
        NextSlot = new int[placement.SlotCount];
        PreviousSlot = new int[placement.SlotCount];
        for (var slot = 0; slot < Stages.Length; slot++)
        {
            var stage = placement.StageOf(rank, slot);

            // In a bidirectional placement the slot decides which half of the micro-batches it serves;
            // the first or the last micro-batch is one of them.
            var sample =
                placement.SlotOf(rank, stage, 0) == slot ? 0 : schedule.MicroBatchCount - 1;
            Stages[slot] = stage;
            NextSlot[slot] = LocalSlot(placement, rank, stage + 1, sample);
            PreviousSlot[slot] = LocalSlot(placement, rank, stage - 1, sample);
        }

        var cells = Stages.Length * MicroBatchCount;
        ForwardReceive = new int[cells];
        BackwardReceive = new int[cells];
        Array.Fill(ForwardReceive, -1);
        Array.Fill(BackwardReceive, -1);
        var receives = ImmutableArray.CreateBuilder<PipelineAction>();
        foreach (var action in Actions)
        {
            if (action.IsReceive)
            {
                var map =
                    action.Kind == PipelineActionKind.ReceiveForward
                        ? ForwardReceive
                        : BackwardReceive;
                map[Cell(action.Slot, action.MicroBatch)] = receives.Count;
                receives.Add(action);
            }
        }

        Receives = receives.DrainToImmutable();
    }

    public PipelineSchedule Schedule { get; }

    public ImmutableArray<PipelineAction> Actions { get; }

    public int MicroBatchCount { get; }

    /// <summary>Stage per slot.</summary>
    public int[] Stages { get; }

    /// <summary>Slot of the next stage if this rank hosts it too (hand-off without a message), else -1.</summary>
    public int[] NextSlot { get; }

    /// <summary>Slot of the previous stage if this rank hosts it too, else -1.</summary>
    public int[] PreviousSlot { get; }

    /// <summary>All receives in schedule order.</summary>
    public ImmutableArray<PipelineAction> Receives { get; }

    /// <summary>Index in <see cref="Receives"/> of the activations of a cell, or -1.</summary>
    public int[] ForwardReceive { get; }

    /// <summary>Index in <see cref="Receives"/> of the output gradients of a cell, or -1.</summary>
    public int[] BackwardReceive { get; }

    public int CellCount => ForwardReceive.Length;

    public int Cell(int slot, int microBatch) => (slot * MicroBatchCount) + microBatch;

    private static int LocalSlot(IStagePlacement placement, int rank, int stage, int microBatch) =>
        stage >= 0 && stage < placement.StageCount && placement.RankOf(stage, microBatch) == rank
            ? placement.SlotOf(rank, stage, microBatch)
            : -1;
}
