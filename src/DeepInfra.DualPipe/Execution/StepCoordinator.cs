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
            using var data = StepData.Create(plans[0].Schedule, inputs, _ranks, _options);
            var stepId = NextStepId++;
            using var activity = PipelineMetrics.Activities.StartActivity("step");
            activity?.SetTag("schedule", plans[0].Schedule.Kind.ToString());
            activity?.SetTag("step", stepId);
            var progress = _options.Progress is { } target
                ? new ProgressReporter(target, stepId, plans.Sum(p => (long)p.Actions.Length))
                : null;
            var outcomes = await Task.WhenAll(
                    _runners.Select(
                        (runner, i) =>
                            runner.StepAsync(
                                plans[i],
                                inputs,
                                data,
                                stepId,
                                progress,
                                cancellationToken
                            )
                    )
                )
                .ConfigureAwait(false);
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
            foreach (var runner in _runners)
            {
                runner.Dispose();
            }
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

    private Exception Error(RankFailure[] failures, CancellationToken cancellationToken)
    {
        // Ranks that only followed another one's failure say so; the root is the first that did not.
        var root = Array.Find(
            failures,
            f => f.Exception is not (PipelinePeerFaultedException or OperationCanceledException)
        );
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
}
