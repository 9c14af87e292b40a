// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Execution;

/// <content>Compute actions.</content>
internal sealed partial class RankExecutor
{
    private void RunForward(in PipelineAction action)
    {
        ref var cell = ref PrepareForward(action);
        var context = ForwardContext(action, cell.Inputs);
        var start = BeginAction();
        var result = _stages[action.Slot].Forward(context);
        CompleteForward(action, ref cell, result);
        EndAction(action.Kind, start);
    }

    private void RunBackward(in PipelineAction action)
    {
        ref var cell = ref PrepareBackward(action.Slot, action.Stage, action.MicroBatch);
        var start = BeginAction();
        StartBackward(action.Stage, action.MicroBatch, ref cell);
        var gradients = cell.OutputGradients.IsAllNull
            ? TensorList.Nulls(cell.Inputs.Count)
            : _stages[action.Slot]
                .Backward(
                    BackwardContext(action.Slot, action.Stage, action.MicroBatch, cell.Inputs),
                    cell.Activation!,
                    cell.OutputGradients
                );
        CompleteInputGradients(action.Slot, action.Stage, action.MicroBatch, ref cell, gradients);
        FinishBackward(ref cell);
        EndAction(action.Kind, start);
    }

    private void RunBackwardInput(in PipelineAction action)
    {
        var stage = _stages[action.Slot];
        if (!stage.SupportsSplitBackward)
        {
            PipelineMetrics.SplitUnsupported.Add(1);
            if (!_splitWarned)
            {
                _splitWarned = true;
                PipelineLog.SplitUnsupported(_options.Logger, stage.GetType().Name, action.Stage);
            }

            RunBackward(action);
            return;
        }

        ref var cell = ref PrepareBackward(action.Slot, action.Stage, action.MicroBatch);
        var start = BeginAction();
        StartBackward(action.Stage, action.MicroBatch, ref cell);
        if (cell.OutputGradients.IsAllNull)
        {
            var nulls = TensorList.Nulls(cell.Inputs.Count);
            CompleteInputGradients(action.Slot, action.Stage, action.MicroBatch, ref cell, nulls);
            FinishBackward(ref cell);
        }
        else
        {
            var context = BackwardContext(
                action.Slot,
                action.Stage,
                action.MicroBatch,
                cell.Inputs
            );
            var (gradients, work) = stage.BackwardInput(
                context,
                cell.Activation!,
                cell.OutputGradients
            );
            cell.Work = work;
            CompleteInputGradients(
                action.Slot,
                action.Stage,
                action.MicroBatch,
                ref cell,
                gradients
            );
            if (work is null)
            {
                FinishBackward(ref cell);
            }
            else
            {
                PendingWeights++;
                if (!work.UsesBoundaryTensors)
                {
                    cell.ReleaseBoundary();
                }
            }
        }

        EndAction(action.Kind, start);
    }

    private void RunBackwardWeight(in PipelineAction action)
    {
        ref var cell = ref _cells[_plan.Cell(action.Slot, action.MicroBatch)];
        var start = BeginAction();
        if (cell.Work is { } work)
        {
            _stages[action.Slot]
                .BackwardWeight(
                    BackwardContext(action.Slot, action.Stage, action.MicroBatch, cell.Inputs),
                    work
                );
            PendingWeights--;
            FinishBackward(ref cell);
        }

        EndAction(action.Kind, start);
    }

    private void RunForwardBackward(in PipelineAction action)
    {
        ref var cell = ref PrepareForward(action);
        ref var cell2 = ref PrepareBackward(action.Slot2, action.Stage2, action.MicroBatch2);
        var stage = _stages[action.Slot];
        var stage2 = _stages[action.Slot2];
        var forward = ForwardContext(action, cell.Inputs);
        var backward = BackwardContext(
            action.Slot2,
            action.Stage2,
            action.MicroBatch2,
            cell2.Inputs
        );
        var start = BeginAction();
        StartBackward(action.Stage2, action.MicroBatch2, ref cell2);
        TensorList gradients;
        if (cell2.OutputGradients.IsAllNull)
        {
            CompleteForward(action, ref cell, stage.Forward(forward));
            gradients = TensorList.Nulls(cell2.Inputs.Count);
        }
        else if (
            stage is IOverlappedPipelineStage first
            && stage2 is IOverlappedPipelineStage second
            && stage.GetType() == stage2.GetType()
        )
        {
            var result = first.ForwardBackward(
                forward,
                second,
                backward,
                cell2.Activation!,
                cell2.OutputGradients
            );
            PipelineMetrics.OverlappedPairs.Add(1, _rankTag);

            // Stored first, so that a failing check below still releases both halves.
            cell2.InputGradients = result.InputGradients;
            CompleteForward(action, ref cell, result.Forward);
            cell2.InputGradients = default;
            gradients = result.InputGradients;
        }
        else
        {
            CompleteForward(action, ref cell, stage.Forward(forward));
            gradients = stage2.Backward(backward, cell2.Activation!, cell2.OutputGradients);
        }

        CompleteInputGradients(
            action.Slot2,
            action.Stage2,
            action.MicroBatch2,
            ref cell2,
            gradients
        );
        FinishBackward(ref cell2);
        EndAction(action.Kind, start);
    }

    /// <summary>Makes the inputs of a forward available in its cell.</summary>
    private ref MicroBatchState PrepareForward(in PipelineAction action)
    {
        var index = _plan.Cell(action.Slot, action.MicroBatch);
        ref var cell = ref _cells[index];
        AssertEmpty(cell);
        if (action.Stage == 0)
        {
            var direction = Direction(action.MicroBatch);
            var inputs = _data.Inputs[direction]!;
            var local = Local(action.MicroBatch, direction);
            cell.Inputs = inputs[local];
            inputs[local] = default;
        }
        else
        {
            Require(_plan.ForwardReceive[index]);
        }

        return ref cell;
    }

    /// <summary>Makes the output gradients of a backward available in its cell.</summary>
    private ref MicroBatchState PrepareBackward(int slot, int stage, int microBatch)
    {
        var index = _plan.Cell(slot, microBatch);
        ref var cell = ref _cells[index];
        if (cell.Activation is null)
        {
            throw new PipelineScheduleException(
                $"rank {_rank}: backward of stage {stage}, micro-batch {microBatch} without an unfinished forward"
            );
        }

        Require(_plan.BackwardReceive[index]);
        return ref cell;
    }

    /// <summary>On the last stage the output gradients come from the loss.</summary>
    private void StartBackward(int stage, int microBatch, ref MicroBatchState cell)
    {
        if (stage == _plan.Schedule.StageCount - 1)
        {
            var state = cell.LossState;
            var context = LossContextOf(microBatch);
            cell.OutputGradients = _inputs.Loss!.Backward(context, state, _lossGradient);
            cell.LossState = null;
            state?.Dispose();
        }
    }

    private void CompleteForward(
        in PipelineAction action,
        ref MicroBatchState cell,
        in StageForwardResult result
    )
    {
        // The cell owns everything from here on, so that a failing check below leaks nothing.
        cell.Outputs = result.Outputs;
        cell.Activation = result.Activation;
        StageChecks.Forward(action, cell.Inputs, result, _training);
        CheckBoundary(action.Stage + 1, result.Outputs, "outputs of", action.Stage);
        LiveActivations++;
        if (action.Stage == _plan.Schedule.StageCount - 1)
        {
            CompleteLoss(action.MicroBatch, ref cell);
        }
        else if (_plan.NextSlot[action.Slot] is >= 0 and var next)
        {
            _cells[_plan.Cell(next, action.MicroBatch)].Inputs = cell.Outputs;
            cell.Outputs = default;
        }

        if (!_training)
        {
            FinishBackward(ref cell);
        }

        _scratch.Reset();
    }

    private void CompleteLoss(int microBatch, ref MicroBatchState cell)
    {
        var direction = Direction(microBatch);
        var local = Local(microBatch, direction);
        if (_inputs.Loss is { } loss)
        {
            ref var labels = ref _data.Labels[direction]![local];
            var context = LossContextOf(microBatch);
            var (value, state) = loss.Forward(context, cell.Outputs, labels);
            _data.Losses[direction]![local] = value;
            if (_training)
            {
                cell.LossState = state;
            }
            else
            {
                state?.Dispose();
            }

            labels.DisposeAll();
            labels = default;
        }

        if (_data.Outputs[direction] is { } kept)
        {
            kept[local] = cell.Outputs;
        }
        else
        {
            cell.Outputs.DisposeAll();
        }

        cell.Outputs = default;
    }

    private void CompleteInputGradients(
        int slot,
        int stage,
        int microBatch,
        ref MicroBatchState cell,
        TensorList gradients
    )
    {
        cell.InputGradients = gradients;
        StageChecks.Gradients(stage, microBatch, cell, gradients);
        if (stage == 0)
        {
            gradients.DisposeAll();
            cell.InputGradients = default;
        }
        else if (_plan.PreviousSlot[slot] is >= 0 and var previous)
        {
            _cells[_plan.Cell(previous, microBatch)].OutputGradients = gradients;
            cell.InputGradients = default;
        }

        _scratch.Reset();
    }

    private void FinishBackward(ref MicroBatchState cell)
    {
        cell.FinishBackward();
        LiveActivations--;
    }

    private StageForwardContext ForwardContext(in PipelineAction action, TensorList inputs) =>
        new()
        {
            StepId = _stepId,
            Rank = _rank,
            Stage = action.Stage,
            Slot = action.Slot,
            MicroBatch = action.MicroBatch,
            Direction = Direction(action.MicroBatch),
            IsTraining = _training,
            IsFirst = action.Stage == 0,
            IsLast = action.Stage == _plan.Schedule.StageCount - 1,
            Inputs = inputs,
            CancellationToken = _stop,
            Scratch = _scratch,
        };

    private StageBackwardContext BackwardContext(
        int slot,
        int stage,
        int microBatch,
        TensorList inputs
    ) =>
        new()
        {
            StepId = _stepId,
            Rank = _rank,
            Stage = stage,
            Slot = slot,
            MicroBatch = microBatch,
            Direction = Direction(microBatch),
            NeedsInputGradients = stage != 0,
            Inputs = inputs,
            CancellationToken = _stop,
            Scratch = _scratch,
        };

    private LossContext LossContextOf(int microBatch) =>
        new(_stepId, _rank, microBatch, Direction(microBatch), _training);

    private int Direction(int microBatch) => _plan.Schedule.Placement.DirectionOf(microBatch);

    private int Local(int microBatch, int direction) =>
        microBatch - (direction * _plan.Schedule.MicroBatchesPerDirection);

    private void CheckBoundary(int consumerStage, TensorList tensors, string what, int stage)
    {
        if (_options.Boundary is { } all && all.TryGetValue(consumerStage, out var spec))
        {
            spec.Check(tensors, $"{what} stage {stage}");
        }
    }
}
