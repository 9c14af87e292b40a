// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Tensors;
using DeepInfra.DualPipe.Transports;

namespace DeepInfra.DualPipe.Execution;

/// <content>Messages.</content>
internal sealed partial class RankExecutor
{
    private static readonly TimeSpan s_abortTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Batched mode: sends and receives since the last commit.</summary>
    private readonly List<PipelineAction> _batch = [];
    private readonly List<PendingSend> _sends = [];
    private PendingReceive[] _receives = [];
    private int _postedReceives;

    private enum ReceiveState : byte
    {
        NotPosted,
        Posted,
        Waiting,
        Done,
    }

    private void BeginCommunication()
    {
        if (_receives.Length < _plan.Receives.Length)
        {
            _receives = new PendingReceive[_plan.Receives.Length];
        }

        _postedReceives = 0;
        if (!_batched)
        {
            PostReceives(_options.PrefetchDepth);
        }
    }

    private void PostMessage(in PipelineAction action)
    {
        if (_batched)
        {
            _batch.Add(action);
        }
        else if (action.IsSend)
        {
            CollectSends();
            StartSend(action);
        }
        else
        {
            PostReceives(ReceiveIndex(action) + 1 + _options.PrefetchDepth);
        }
    }

    /// <summary>Batched mode: submits everything that is pending and waits for all of it, sends included.</summary>
    private void Commit()
    {
        if (!_batched || _batch.Count == 0)
        {
            return;
        }

        var start = BeginWait();
        foreach (var action in _batch)
        {
            if (action.IsSend)
            {
                StartSend(action);
            }
            else
            {
                PostReceive(ReceiveIndex(action));
            }
        }

        FlushSends();
        foreach (var action in _batch)
        {
            if (action.IsReceive)
            {
                FinishReceive(ReceiveIndex(action));
            }
        }

        _batch.Clear();
        EndWait(start, PipelineActionKind.Commit);
    }

    /// <summary>Makes a received message available in its cell; in eager mode this is where the rank waits.</summary>
    private void Require(int receive)
    {
        if (receive < 0 || _receives[receive].State == ReceiveState.Done)
        {
            return;
        }

        if (_batched)
        {
            throw new PipelineScheduleException(
                $"rank {_rank}: {ActionText} has no commit after {_plan.Receives[receive]}"
            );
        }

        PostReceives(receive + 1);
        if (!_receives[receive].Task.IsCompleted)
        {
            var start = BeginWait();
            FinishReceive(receive);
            EndWait(start, PipelineActionKind.ReceiveForward);
        }
        else
        {
            FinishReceive(receive);
        }
    }

    private int ReceiveIndex(in PipelineAction action)
    {
        var cell = _plan.Cell(action.Slot, action.MicroBatch);
        return action.Kind == PipelineActionKind.ReceiveForward
            ? _plan.ForwardReceive[cell]
            : _plan.BackwardReceive[cell];
    }

    private void PostReceives(int count)
    {
        count = Math.Min(count, _plan.Receives.Length);
        while (_postedReceives < count)
        {
            PostReceive(_postedReceives++);
        }
    }

    private void PostReceive(int index)
    {
        var action = _plan.Receives[index];
        ref var receive = ref _receives[index];
        receive = new PendingReceive(
            _transport.ReceiveAsync(
                _transportRanks[action.Peer],
                TagOf(action),
                CancellationToken.None
            ),
            ReceiveState.Posted
        );
    }

    private void FinishReceive(int index)
    {
        ref var receive = ref _receives[index];
        receive.State = ReceiveState.Waiting;
        if (!_waiter.WaitFor(receive.Task, _stop))
        {
            throw Timeout();
        }

        // Taking the result may throw; from here on it counts as taken.
        var task = receive.Task;
        receive = new PendingReceive(default, ReceiveState.Done);
        var message = task.GetAwaiter().GetResult();
        var action = _plan.Receives[index];
        ref var cell = ref _cells[_plan.Cell(action.Slot, action.MicroBatch)];
        if (action.Kind == PipelineActionKind.ReceiveForward)
        {
            cell.Inputs = message.Tensors;
            CheckBoundary(action.Stage, message.Tensors, "inputs of", action.Stage);
        }
        else
        {
            cell.OutputGradients = message.Tensors;
        }

        if (PipelineMetrics.BytesReceived.Enabled)
        {
            PipelineMetrics.BytesReceived.Add(message.Tensors.ByteCount, _rankTag);
        }
    }

    private void StartSend(in PipelineAction action)
    {
        ref var cell = ref _cells[_plan.Cell(action.Slot, action.MicroBatch)];
        TensorList tensors;
        if (action.Kind == PipelineActionKind.SendForward)
        {
            tensors = cell.Outputs;
            cell.Outputs = default;
        }
        else
        {
            tensors = cell.InputGradients;
            cell.InputGradients = default;
        }

        if (PipelineMetrics.BytesSent.Enabled)
        {
            PipelineMetrics.BytesSent.Add(tensors.ByteCount, _rankTag);
        }

        var tag = TagOf(action);
        var task = _transport.SendAsync(
            _transportRanks[action.Peer],
            tag,
            tensors,
            CancellationToken.None
        );
        if (task.IsCompleted)
        {
            task.GetAwaiter().GetResult();
        }
        else
        {
            _sends.Add(new PendingSend(task, tag));
        }
    }

    /// <summary>Takes the results of sends that have completed meanwhile.</summary>
    private void CollectSends()
    {
        for (var i = _sends.Count - 1; i >= 0; i--)
        {
            if (_sends[i].Task.IsCompleted)
            {
                var task = _sends[i].Task;
                _sends[i] = _sends[^1];
                _sends.RemoveAt(_sends.Count - 1);
                task.GetAwaiter().GetResult();
            }
        }
    }

    /// <summary>Waits for every send.</summary>
    private void FlushSends()
    {
        while (_sends.Count > 0)
        {
            var task = _sends[^1].Task;
            if (!_waiter.WaitFor(task, _stop))
            {
                throw Timeout();
            }

            _sends.RemoveAt(_sends.Count - 1);
            task.GetAwaiter().GetResult();
        }
    }

    private MessageTag TagOf(in PipelineAction action) =>
        action.Kind switch
        {
            PipelineActionKind.SendForward => new MessageTag(
                _stepId,
                MessageKind.Activation,
                action.Stage + 1,
                action.MicroBatch
            ),
            PipelineActionKind.ReceiveForward => new MessageTag(
                _stepId,
                MessageKind.Activation,
                action.Stage,
                action.MicroBatch
            ),
            PipelineActionKind.SendBackward => new MessageTag(
                _stepId,
                MessageKind.Gradient,
                action.Stage - 1,
                action.MicroBatch
            ),
            _ => new MessageTag(_stepId, MessageKind.Gradient, action.Stage, action.MicroBatch),
        };

    private PipelineTimeoutException Timeout()
    {
        var pending = _sends.Select(s => $"send of {s.Tag}").ToList();
        for (var i = 0; i < _plan.Receives.Length; i++)
        {
            if (_receives[i].State is ReceiveState.Posted or ReceiveState.Waiting)
            {
                pending.Add($"receive of {TagOf(_plan.Receives[i])}");
            }
        }

        var last = ActionIndex > 0 ? _plan.Actions[ActionIndex - 1].ToString() : "none";
        return new PipelineTimeoutException(
            $"rank {_rank} waited longer than {_options.ReceiveTimeout}; last completed action: {last};"
                + $" pending: {string.Join(", ", pending)}"
        );
    }

    /// <summary>Tells every rank that this one stops. Peers that only follow an earlier abort change nothing.</summary>
    private void Abort(Exception error)
    {
        var reason = new AbortInfo(
            _transport.Rank,
            ActionText,
            error.Message,
            error is OperationCanceledException
        );
        try
        {
            var task = _transport.AbortAsync(reason);
            if (!task.IsCompletedSuccessfully)
            {
                task.AsTask().Wait(s_abortTimeout);
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // The first error is the one to report; a transport that cannot abort leaves its peers to
            // their own timeouts.
            PipelineLog.AbortFailed(_options.Logger, e, _rank);
        }
    }

    private void CleanupCommunication()
    {
        _batch.Clear();
        foreach (var send in _sends)
        {
            Observe(send.Task);
        }

        _sends.Clear();
        for (var i = 0; i < _plan.Receives.Length && i < _receives.Length; i++)
        {
            ref var receive = ref _receives[i];
            if (receive.State is ReceiveState.Posted or ReceiveState.Waiting)
            {
                if (receive.Task.IsCompleted || receive.State == ReceiveState.Posted)
                {
                    _ = DropAsync(receive.Task);
                }
            }

            receive = default;
        }
    }

    private static void Observe(ValueTask task)
    {
        if (task.IsCompleted)
        {
            try
            {
                task.GetAwaiter().GetResult();
            }
            catch (Exception e) when (e is PipelineException or OperationCanceledException)
            {
                // The step has failed already, for a reason that is reported.
            }
        }
    }

    private static async Task DropAsync(ValueTask<TensorMessage> task)
    {
        try
        {
            var message = await task.ConfigureAwait(false);
            message.Tensors.DisposeAll();
        }
        catch (Exception e) when (e is PipelineException or OperationCanceledException)
        {
            // Expected after an abort.
        }
    }

    private record struct PendingReceive(ValueTask<TensorMessage> Task, ReceiveState State);

    private readonly record struct PendingSend(ValueTask Task, MessageTag Tag);
}
