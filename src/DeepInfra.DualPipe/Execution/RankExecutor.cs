// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Runtime.ExceptionServices;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Stages;
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
    private bool _splitWarned;

    private StepPlan _plan = null!;
    private StepInputs _inputs = null!;
    private long _stepId;
    private bool _training;
    private CancellationToken _stop;
    private MicroBatchState[] _cells = [];
    private StepData _data = null!;
    private double _lossGradient;

    public RankExecutor(
        int rank,
        IPipelineStage[] stages,
        IPipelineTransport transport,
        PipelineOptions options
    )
    {
        _rank = rank;
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
    public TraceBuffer.Entry[]? Run(
        StepPlan plan,
        StepInputs inputs,
        StepData data,
        long stepId,
        ProgressReporter? progress,
        CancellationToken stop
    )
    {
        _plan = plan;
        _inputs = inputs;
        _data = data;
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
            return _trace?.Snapshot();
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
        _lossGradient =
            _options.GradientScale == GradientScale.Mean ? 1.0 / _plan.MicroBatchCount : 1.0;
    }

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

    private void Cleanup()
    {
        CleanupCommunication();
        Exception? failure = null;
        for (var i = 0; i < _plan.CellCount && i < _cells.Length; i++)
        {
            try
            {
                _cells[i].Clear();
            }
            catch (Exception e)
            {
                // A stage's Dispose failed: the other micro-batches are still to be released.
                failure ??= e;
                _cells[i] = default;
            }
        }

        _scratch.Reset();
        if (failure is not null)
        {
            ExceptionDispatchInfo.Throw(failure);
        }
    }

    [Conditional("DEBUG")]
    private static void AssertEmpty(in MicroBatchState cell) =>
        Debug.Assert(
            cell is { Activation: null, Work: null, LossState: null },
            "a micro-batch left state behind"
        );
}
