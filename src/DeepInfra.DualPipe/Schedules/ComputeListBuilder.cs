// SPDX-License-Identifier: MIT
using System.Collections.Immutable;

namespace DeepInfra.DualPipe.Schedules;

/// <summary>Collects one rank's compute actions; micro-batch indices count up per slot and kind.</summary>
internal sealed class ComputeListBuilder(IStagePlacement placement, int rank, int microBatchCount)
{
    private readonly ImmutableArray<PipelineAction>.Builder _actions =
        ImmutableArray.CreateBuilder<PipelineAction>();
    private readonly int[] _next = new int[4 * placement.SlotCount];

    public int Rank => rank;

    public int Count(PipelineActionKind kind, int slot) => _next[Index(kind, slot)];

    /// <summary>Adds the next micro-batch of a kind; indices past the schedule's count are dropped.</summary>
    public void Add(PipelineActionKind kind, int slot = 0)
    {
        var microBatch = _next[Index(kind, slot)]++;
        if (microBatch < microBatchCount)
        {
            _actions.Add(
                PipelineAction.Compute(kind, slot, placement.StageOf(rank, slot), microBatch)
            );
        }
    }

    public ImmutableArray<PipelineAction> Finish() => _actions.DrainToImmutable();

    private static int Index(PipelineActionKind kind, int slot) => (slot * 4) + (int)kind;
}
