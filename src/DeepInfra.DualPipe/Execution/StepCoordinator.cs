// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Execution;

/// <summary>Runs steps on the ranks of this process and turns their outcomes into one result.</summary>
internal sealed class StepCoordinator : IDisposable
{
    private readonly RankRunner[] _runners;
    private readonly int[] _ranks;
    private readonly Func<long, ValueTask> _resetTransports;
    private readonly StepPlanCache _plans;
    private readonly PipelineOptions _options;
    private int _running;
    private bool _faulted;
    private bool _disposed;
    private Task<RankOutcome>[] _stuck = [];

    public StepCoordinator(
        PipelineSchedule schedule,
        RankRunner[] runners,
        PipelineOptions options,
        Func<long, ValueTask> resetTransports
    )
    {
        _runners = runners;
        _options = options;
        _resetTransports = resetTransports;
        _ranks = [.. runners.Select(r => r.Rank)];
        _plans = new StepPlanCache(schedule, _ranks);
    }

    public long NextStepId { get; private set; } = 1;

    public bool GradientsDirty { get; private set; }

    public bool IsFaulted => _faulted;

    public async Task<StepResult> StepAsync(StepInputs inputs, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        Enter();
        try
        {
            if (_faulted)
            {
                throw new InvalidOperationException(
                    "an earlier step failed: call ResetAsync before the next step"
                );
            }

            cancellationToken.ThrowIfCancellationRequested();
            var plans = _plans.For(inputs);
#pragma warning disable CA2000 // released by the next line, or once nothing is stuck in it
            var data = StepData.Create(plans[0].Schedule, inputs, _ranks, _options);
#pragma warning restore CA2000
            using var release = new Release(data);
            var stepId = NextStepId++;
            using var activity = PipelineMetrics.Activities.StartActivity("step");
            activity?.SetTag("schedule", plans[0].Schedule.Kind.ToString());
            activity?.SetTag("step", stepId);
            var progress = _options.Progress is { } target
                ? new ProgressReporter(target, stepId, plans.Sum(p => (long)p.Actions.Length))
                : null;
            var tasks = new Task<RankOutcome>[_runners.Length];
            for (var i = 0; i < tasks.Length; i++)
            {
                tasks[i] = _runners[i]
                    .StepAsync(plans[i], inputs, data, stepId, progress, cancellationToken);
            }

            var outcomes = await GatherAsync(tasks).ConfigureAwait(false);
            release.After = _stuck;
            return Combine(stepId, plans[0].Schedule, data, outcomes, cancellationToken);
        }
        finally
        {
            Volatile.Write(ref _running, 0);
        }
    }

    public async ValueTask ResetAsync(long? nextStepId)
    {
        Enter();
        try
        {
            if (_stuck.Any(t => !t.IsCompleted))
            {
                throw new InvalidOperationException(
                    $"rank {StuckRanks().First()} is still inside a stage call of the failed step: it cannot be used again before that returns"
                );
            }

            _stuck = [];
            NextStepId = Math.Max(NextStepId, nextStepId ?? NextStepId);
            await _resetTransports(NextStepId).ConfigureAwait(false);
            _faulted = false;
            GradientsDirty = false;
        }
        finally
        {
            Volatile.Write(ref _running, 0);
        }
    }

    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            var stuck = StuckRanks().ToHashSet();
            foreach (var runner in _runners)
            {
                runner.Dispose(wait: !stuck.Contains(runner.Rank));
            }
        }
    }

    /// <summary>Ranks whose stage call has not returned since a step failed.</summary>
    public IEnumerable<int> StuckRanks() =>
        _stuck
            .Select((task, i) => (task, _ranks[i]))
            .Where(s => !s.task.IsCompleted)
            .Select(s => s.Item2);

    /// <summary>
    /// Waits for every rank. Once one has failed the others have the receive timeout to leave their stage
    /// calls; the step does not wait longer for a call that never returns.
    /// </summary>
    private async Task<RankOutcome[]> GatherAsync(Task<RankOutcome>[] tasks)
    {
        var all = Task.WhenAll(tasks);
        var failed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        foreach (var task in tasks)
        {
            _ = task.ContinueWith(
                static (done, state) =>
                {
                    if (done.Result.Failure is not null)
                    {
                        ((TaskCompletionSource)state!).TrySetResult();
                    }
                },
                failed,
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default
            );
        }

        await Task.WhenAny(all, failed.Task).ConfigureAwait(false);
        var patience = _options.ReceiveTimeout;
        try
        {
            return await all.WaitAsync(
                    failed.Task.IsCompleted ? patience : Timeout.InfiniteTimeSpan
                )
                .ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            _stuck = tasks;
            return
            [
                .. tasks.Select(
                    (task, i) =>
                        task.IsCompletedSuccessfully ? task.Result : _runners[i].Stuck(patience)
                ),
            ];
        }
    }

    private void Enter()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (Interlocked.CompareExchange(ref _running, 1, 0) != 0)
        {
            throw new InvalidOperationException("a step is already running: one step at a time");
        }
    }

    private StepResult Combine(
        long stepId,
        PipelineSchedule schedule,
        StepData data,
        RankOutcome[] outcomes,
        CancellationToken cancellationToken
    )
    {
        if (outcomes.Any(o => o.Failure is not null))
        {
            _faulted = true;
            GradientsDirty = !schedule.ForwardOnly;
            throw Error(
                [.. outcomes.Select(o => o.Failure).OfType<RankFailure>()],
                Array.Find(outcomes, o => o.IsStuck)?.Failure,
                cancellationToken
            );
        }

        var outputs = new TensorList?[2];
        try
        {
            for (var direction = 0; direction < 2; direction++)
            {
                outputs[direction] = data.JoinOutputs(direction, _options.BatchDimension);
            }
        }
        catch
        {
            outputs[0]?.DisposeAll();
            throw;
        }

        var trace = _options.Trace
            ? PipelineTrace.Create(schedule, [.. outcomes.Select(o => (o.Rank, o.Trace ?? []))])
            : null;
        PipelineMetrics.Steps.Add(
            1,
            new KeyValuePair<string, object?>("schedule", schedule.Kind.ToString())
        );
        return new StepResult(stepId, schedule.ForwardOnly, data.Losses, outputs, trace);
    }

    private Exception Error(
        RankFailure[] failures,
        RankFailure? stuck,
        CancellationToken cancellationToken
    )
    {
        // Ranks that only followed another one's failure say so; the root is the first that did not.
        var root = Array.Find(
            failures,
            f => f.Exception is not (PipelinePeerFaultedException or OperationCanceledException)
        );
        if (stuck is not null && root?.Exception is null or PipelineTimeoutException)
        {
            // Those who waited in vain waited for the rank that does not return.
            root = stuck;
        }

        if (root is null && cancellationToken.IsCancellationRequested)
        {
            return new OperationCanceledException(
                "the step was cancelled; weight gradients may be partially accumulated",
                cancellationToken
            );
        }

        root ??=
            Array.Find(failures, f => f.Exception is OperationCanceledException) ?? failures[0];
        return new PipelineStepException(root, failures, GradientsDirty);
    }

    /// <summary>Disposes the data of a step, after ranks that may still use it.</summary>
    private sealed class Release(StepData data) : IDisposable
    {
        public Task<RankOutcome>[] After { get; set; } = [];

        public void Dispose()
        {
            var after = Task.WhenAll(After);
            if (after.IsCompleted)
            {
                data.Dispose();
                return;
            }

            _ = after.ContinueWith(
                static (_, state) => ((StepData)state!).Dispose(),
                data,
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default
            );
        }
    }
}
