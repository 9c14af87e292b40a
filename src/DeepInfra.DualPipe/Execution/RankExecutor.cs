// SPDX-License-Identifier: MIT
using System.Diagnostics;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Tensors;
using DeepInfra.DualPipe.Transports;

namespace DeepInfra.DualPipe.Execution;

/// <summary>
/// Interprets one rank's schedule. It knows the kinds of actions, not the schedules: anything that passes
/// the validator runs on it. Used by one thread at a time.
/// </summary>
internal sealed partial class RankExecutor : IDisposable
{
    private readonly int _rank;
    private readonly IPipelineStage[] _stages;
    private readonly IPipelineTransport _transport;
    private readonly PipelineOptions _options;
    private readonly int[] _transportRanks;
    private readonly RankWaiter _waiter;
    private readonly ScratchAllocator _scratch = new();
    private readonly bool _batched;

    /// <summary>Off in a local group, whose ranks all get the same step inputs.</summary>
    private readonly bool _warnIgnored;
    private bool _splitWarned;

    private StepPlan _plan = null!;
    private StepInputs _inputs = null!;
    private long _stepId;
    private bool _training;
    private CancellationToken _stop;
    private MicroBatchState[] _cells = [];
    private TensorList[]?[] _microBatchInputs = [null, null];
    private TensorList[]?[] _microBatchLabels = [null, null];
    private readonly double[]?[] _losses = [null, null];
    private readonly TensorList[]?[] _outputs = [null, null];
    private double _lossGradient;

    public RankExecutor(
        int rank,
        IPipelineStage[] stages,
        IPipelineTransport transport,
        PipelineOptions options,
        bool warnIgnored
    )
    {
        _rank = rank;
        _warnIgnored = warnIgnored;
        _stages = stages;
        _transport = transport;
        _options = options;
        _transportRanks = options.TransportRanks(transport.RankCount);
        _waiter = new RankWaiter(options.ReceiveTimeout);
        _batched = options.CommunicationMode == CommunicationMode.Batched;
        _rankTag = new KeyValuePair<string, object?>("rank", rank);
    }

    /// <summary>Index of the action that runs or ran last; -1 before the first.</summary>
    public int ActionIndex { get; private set; } = -1;

    public string ActionText =>
        (uint)ActionIndex < (uint)(_plan?.Actions.Length ?? 0)
            ? _plan!.Actions[ActionIndex].ToString()
            : "start of the step";

    public void Wake() => _waiter.Wake();

    /// <summary>Runs a step. Whatever happens, no tensor of it stays behind.</summary>
    public RankStepOutput Run(
        StepPlan plan,
        StepInputs inputs,
        long stepId,
        ProgressReporter? progress,
        CancellationToken stop
    )
    {
        _plan = plan;
        _inputs = inputs;
        _stepId = stepId;
        _stop = stop;
        _training = !plan.Schedule.ForwardOnly;
        ActionIndex = -1;
        try
        {
            Begin();
            for (var i = 0; i < plan.Actions.Length; i++)
            {
                ActionIndex = i;
                stop.ThrowIfCancellationRequested();
                Execute(plan.Actions[i]);
                progress?.ActionCompleted();
            }

            FlushSends();
            EndMetrics();
            return TakeOutput();
        }
        catch (Exception e)
        {
            Abort(e);
            throw;
        }
        finally
        {
            Cleanup();
        }
    }

    public void Dispose()
    {
        _waiter.Dispose();
        _scratch.Release();
    }

    private void Begin()
    {
        if (_cells.Length < _plan.CellCount)
        {
            _cells = new MicroBatchState[_plan.CellCount];
        }

        BeginCommunication();
        BeginMetrics();
        var placement = _plan.Schedule.Placement;
        _lossGradient =
            _options.GradientScale == GradientScale.Mean ? 1.0 / _plan.MicroBatchCount : 1.0;
        for (var direction = 0; direction < 2; direction++)
        {
            BeginDirection(placement, direction);
        }
    }

    private void BeginDirection(IStagePlacement placement, int direction)
    {
        var data = _inputs.Data(direction);
        var perDirection = _plan.Schedule.MicroBatchesPerDirection;
        var exists = direction < placement.DirectionCount;
        var sample = direction * perDirection;
        var readsInputs = exists && placement.RankOf(0, sample) == _rank;
        var ownsLoss = exists && placement.RankOf(placement.StageCount - 1, sample) == _rank;
        if (readsInputs)
        {
            _microBatchInputs[direction] = Split(
                data.Inputs,
                data.MicroBatchInputs,
                perDirection,
                "inputs"
            );
        }
        else if (_warnIgnored && data.Inputs.Count > 0)
        {
            PipelineLog.DataIgnored(_options.Logger, "inputs", direction, _rank);
        }

        if (!ownsLoss)
        {
            if (_warnIgnored && data.Labels.Count > 0)
            {
                PipelineLog.DataIgnored(_options.Logger, "labels", direction, _rank);
            }

            return;
        }

        if (_training && _inputs.Loss is null)
        {
            throw new InvalidOperationException(
                $"rank {_rank} owns the loss of direction {direction}: training needs {nameof(StepInputs)}.{nameof(StepInputs.Loss)}"
            );
        }

        if (_inputs.Loss is not null)
        {
            _losses[direction] = new double[perDirection];
            _microBatchLabels[direction] = Split(
                data.Labels,
                data.MicroBatchLabels,
                perDirection,
                "labels"
            );
        }

        if (_inputs.ReturnOutputs)
        {
            _outputs[direction] = new TensorList[perDirection];
        }
    }

    private TensorList[] Split(
        TensorList whole,
        IReadOnlyList<TensorList>? parts,
        int count,
        string name
    )
    {
        if (parts is null)
        {
            return MicroBatches.Split(whole, count, _options.BatchDimension);
        }

        if (parts.Count != count)
        {
            throw new ArgumentException(
                $"{name}: expected {count} micro-batches, got {parts.Count}",
                name
            );
        }

        // The caller keeps its tensors; the engine disposes what it is given, so it gets borrowed ones.
        var result = new TensorList[count];
        for (var i = 0; i < count; i++)
        {
            result[i] = Borrow(parts[i]);
        }

        return result;
    }

    private static TensorList Borrow(TensorList list)
    {
        if (list.Count == 1)
        {
            return TensorList.Of(Borrow(list[0]));
        }

        var copy = new PipelineTensor?[list.Count];
        for (var i = 0; i < copy.Length; i++)
        {
            copy[i] = Borrow(list[i]);
        }

        return TensorList.Create(copy);
    }

    private static SlicedTensor? Borrow(PipelineTensor? tensor) =>
        tensor is null
            ? null
            : new SlicedTensor(tensor, tensor.Shape, 0, checked((int)tensor.ByteCount));

    private void Execute(in PipelineAction action)
    {
        switch (action.Kind)
        {
            case PipelineActionKind.Forward:
                RunForward(action);
                break;
            case PipelineActionKind.Backward:
                RunBackward(action);
                break;
            case PipelineActionKind.BackwardInput:
                RunBackwardInput(action);
                break;
            case PipelineActionKind.BackwardWeight:
                RunBackwardWeight(action);
                break;
            case PipelineActionKind.ForwardBackward:
                RunForwardBackward(action);
                break;
            case PipelineActionKind.Commit:
                Commit();
                break;
            default:
                PostMessage(action);
                break;
        }
    }

    private RankStepOutput TakeOutput()
    {
        var outputs = new TensorList?[2];
        for (var direction = 0; direction < 2; direction++)
        {
            if (_outputs[direction] is { } parts)
            {
                outputs[direction] = Join(parts);
            }
        }

        return new RankStepOutput(
            [_losses[0], _losses[1]],
            outputs,
            _trace is null ? null : _trace.Snapshot()
        );
    }

    private TensorList Join(TensorList[] parts)
    {
        var joined = new PipelineTensor?[parts[0].Count];
        var column = new PipelineTensor?[parts.Length];
        for (var j = 0; j < joined.Length; j++)
        {
            for (var i = 0; i < parts.Length; i++)
            {
                if (parts[i].Count != joined.Length)
                {
                    throw new PipelineStageException(
                        $"the last stage gave {joined.Length} outputs for one micro-batch and {parts[i].Count} for another"
                    );
                }

                column[i] = parts[i][j];
            }

            joined[j] = MicroBatches.Concat(column, _options.BatchDimension);
        }

        return TensorList.Create(joined);
    }

    private void Cleanup()
    {
        CleanupCommunication();
        for (var i = 0; i < _plan.CellCount && i < _cells.Length; i++)
        {
            _cells[i].Clear();
        }

        for (var direction = 0; direction < 2; direction++)
        {
            DisposeParts(ref _microBatchInputs[direction]);
            DisposeParts(ref _microBatchLabels[direction]);
            DisposeParts(ref _outputs[direction]);
            _losses[direction] = null;
        }

        _scratch.Reset();
    }

    private static void DisposeParts(ref TensorList[]? parts)
    {
        foreach (var list in parts ?? [])
        {
            list.DisposeAll();
        }

        parts = null;
    }

    [Conditional("DEBUG")]
    private static void AssertEmpty(in MicroBatchState cell) =>
        Debug.Assert(
            cell is { Activation: null, Work: null, LossState: null },
            "a micro-batch left state behind"
        );
}
