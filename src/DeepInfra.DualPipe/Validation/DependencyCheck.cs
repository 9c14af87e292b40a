// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe.Validation;

/// <summary>
/// V3: in each rank's order every action has what it needs: received and committed inputs, its own
/// earlier results, and results before they are sent.
/// </summary>
internal sealed class DependencyCheck(PipelineSchedule schedule, FindingList findings)
{
    private readonly MessageKeys _keys = new(schedule.StageCount, schedule.MicroBatchCount);

    /// <summary>Activations and gradients that are available to the rank, by message key.</summary>
    private readonly bool[] _available = new bool[
        2 * schedule.StageCount * schedule.MicroBatchCount
    ];
    private readonly Progress[] _progress = new Progress[
        schedule.StageCount * schedule.MicroBatchCount
    ];
    private readonly List<int> _uncommitted = [];
    private int _rank;
    private int _index;

    [Flags]
    private enum Progress : byte
    {
        None = 0,
        Forward = 1,
        Input = 2,
        Weight = 4,
    }

    public void Run()
    {
        for (_rank = 0; _rank < schedule.RankCount; _rank++)
        {
            // Keys never clash between ranks: a message has one consumer.
            _uncommitted.Clear();
            var actions = schedule[_rank].AsSpan();
            for (_index = 0; _index < actions.Length; _index++)
            {
                Visit(actions[_index]);
            }
        }
    }

    private void Visit(in PipelineAction action)
    {
        if (action.Kind != PipelineActionKind.Commit && !(InRange(action.Stage, action.MicroBatch)))
        {
            return;
        }

        switch (action.Kind)
        {
            case PipelineActionKind.Forward:
                VisitForward(action.Stage, action.MicroBatch, action);
                break;
            case PipelineActionKind.Backward:
                VisitBackward(
                    action.Stage,
                    action.MicroBatch,
                    Progress.Input | Progress.Weight,
                    action
                );
                break;
            case PipelineActionKind.BackwardInput:
                VisitBackward(action.Stage, action.MicroBatch, Progress.Input, action);
                break;
            case PipelineActionKind.BackwardWeight:
                VisitWeight(action);
                break;
            case PipelineActionKind.ForwardBackward:
                // The backward half may not depend on the forward half: they run together.
                if (InRange(action.Stage2, action.MicroBatch2))
                {
                    VisitBackward(
                        action.Stage2,
                        action.MicroBatch2,
                        Progress.Input | Progress.Weight,
                        action
                    );
                }

                VisitForward(action.Stage, action.MicroBatch, action);
                break;
            case PipelineActionKind.ReceiveForward or PipelineActionKind.ReceiveBackward:
                _uncommitted.Add(_keys.Of(action));
                break;
            case PipelineActionKind.SendForward:
                Require(Has(action, Progress.Forward), action, "its forward");
                break;
            case PipelineActionKind.SendBackward:
                Require(Has(action, Progress.Input), action, "its backward");
                break;
            default:
                foreach (var key in _uncommitted)
                {
                    _available[key] = true;
                }

                _uncommitted.Clear();
                break;
        }
    }

    private void VisitForward(int stage, int microBatch, in PipelineAction action)
    {
        Require(
            stage == 0 || _available[_keys.Forward(stage, microBatch)],
            action,
            $"the committed activations of stage {stage}, micro-batch {microBatch}"
        );
        At(stage, microBatch) |= Progress.Forward;
        if (stage + 1 < schedule.StageCount && IsLocal(stage + 1, microBatch))
        {
            _available[_keys.Forward(stage + 1, microBatch)] = true;
        }
    }

    private void VisitBackward(int stage, int microBatch, Progress done, in PipelineAction action)
    {
        ref var progress = ref At(stage, microBatch);
        Require(
            (progress & Progress.Forward) != 0,
            action,
            $"the forward of stage {stage}, micro-batch {microBatch}"
        );
        Require(
            stage == schedule.StageCount - 1 || _available[_keys.Backward(stage, microBatch)],
            action,
            $"the committed output gradients of stage {stage}, micro-batch {microBatch}"
        );
        progress |= done;
        if (stage > 0 && IsLocal(stage - 1, microBatch))
        {
            _available[_keys.Backward(stage - 1, microBatch)] = true;
        }
    }

    private void VisitWeight(in PipelineAction action)
    {
        ref var progress = ref At(action.Stage, action.MicroBatch);
        Require(
            (progress & (Progress.Input | Progress.Weight)) == Progress.Input,
            action,
            "its backward for the inputs"
        );
        progress |= Progress.Weight;
    }

    private void Require(bool condition, in PipelineAction action, string need)
    {
        if (!condition)
        {
            findings.Add(
                ValidationRule.DataDependency,
                _rank,
                _index,
                $"{action} comes before {need}"
            );
        }
    }

    private bool Has(in PipelineAction action, Progress wanted) =>
        (At(action.Stage, action.MicroBatch) & wanted) != 0;

    private bool InRange(int stage, int microBatch) =>
        (uint)stage < (uint)schedule.StageCount
        && (uint)microBatch < (uint)schedule.MicroBatchCount;

    private bool IsLocal(int stage, int microBatch) =>
        schedule.Placement.RankOf(stage, microBatch) == _rank;

    private ref Progress At(int stage, int microBatch) =>
        ref _progress[(stage * schedule.MicroBatchCount) + microBatch];
}
