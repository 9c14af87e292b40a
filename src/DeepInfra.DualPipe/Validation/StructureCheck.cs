// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe.Validation;

/// <summary>V1 and V2, and the outstanding half of V9: what is there, and on which rank.</summary>
internal sealed class StructureCheck(PipelineSchedule schedule, FindingList findings)
{
    private readonly int _microBatches = schedule.MicroBatchCount;
    private readonly byte[] _forward = new byte[schedule.StageCount * schedule.MicroBatchCount];
    private readonly byte[] _full = new byte[schedule.StageCount * schedule.MicroBatchCount];
    private readonly byte[] _input = new byte[schedule.StageCount * schedule.MicroBatchCount];
    private readonly byte[] _weight = new byte[schedule.StageCount * schedule.MicroBatchCount];

    public void Run()
    {
        for (var rank = 0; rank < schedule.RankCount; rank++)
        {
            var actions = schedule[rank].AsSpan();
            for (var i = 0; i < actions.Length; i++)
            {
                ref readonly var action = ref actions[i];
                if (action.Kind == PipelineActionKind.Commit)
                {
                    continue;
                }

                var placed = CheckPlacement(rank, i, action.Slot, action.Stage, action.MicroBatch);
                if (action.Kind == PipelineActionKind.ForwardBackward)
                {
                    if (CheckPlacement(rank, i, action.Slot2, action.Stage2, action.MicroBatch2))
                    {
                        Increment(_full, action.Stage2, action.MicroBatch2);
                    }
                }

                if (placed)
                {
                    Count(action);
                }
            }
        }

        CheckCounts();
    }

    private void Count(in PipelineAction action)
    {
        var counter = action.Kind switch
        {
            PipelineActionKind.Forward or PipelineActionKind.ForwardBackward => _forward,
            PipelineActionKind.Backward => _full,
            PipelineActionKind.BackwardInput => _input,
            PipelineActionKind.BackwardWeight => _weight,
            _ => null,
        };
        if (counter is not null)
        {
            Increment(counter, action.Stage, action.MicroBatch);
        }
    }

    private bool CheckPlacement(int rank, int index, int slot, int stage, int microBatch)
    {
        var placement = schedule.Placement;
        if (
            (uint)stage < (uint)schedule.StageCount
            && (uint)microBatch < (uint)_microBatches
            && placement.SlotOf(rank, stage, microBatch) == slot
            && placement.RankOf(stage, microBatch) == rank
        )
        {
            return true;
        }

        findings.Add(
            ValidationRule.Placement,
            rank,
            index,
            $"{schedule[rank][index]}: the rank does not host stage {stage} in slot {slot} for micro-batch {microBatch}"
        );
        return false;
    }

    private void CheckCounts()
    {
        for (var stage = 0; stage < schedule.StageCount; stage++)
        {
            for (var microBatch = 0; microBatch < _microBatches; microBatch++)
            {
                var cell = (stage * _microBatches) + microBatch;
                var rank = schedule.Placement.RankOf(stage, microBatch);
                var where = $"stage {stage}, micro-batch {microBatch}";
                if (_forward[cell] != 1)
                {
                    findings.Add(
                        ValidationRule.Completeness,
                        rank,
                        -1,
                        $"{where}: expected 1 forward, got {_forward[cell]}"
                    );
                }

                var backwards = _full[cell] + _input[cell];
                if (backwards != (schedule.ForwardOnly ? 0 : 1))
                {
                    findings.Add(
                        ValidationRule.Completeness,
                        rank,
                        -1,
                        $"{where}: expected {(schedule.ForwardOnly ? "no" : "1")} backward, got {_full[cell]} full and {_input[cell]} for the inputs"
                    );
                }

                if (_weight[cell] != _input[cell])
                {
                    var rule =
                        _weight[cell] < _input[cell]
                            ? ValidationRule.OutstandingWeights
                            : ValidationRule.Completeness;
                    findings.Add(
                        rule,
                        rank,
                        -1,
                        $"{where}: {_input[cell]} backwards for the inputs but {_weight[cell]} for the weights"
                    );
                }
            }
        }
    }

    private void Increment(byte[] counter, int stage, int microBatch)
    {
        ref var value = ref counter[(stage * _microBatches) + microBatch];
        value = (byte)Math.Min(value + 1, byte.MaxValue);
    }
}
