// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Transports;

namespace DeepInfra.DualPipe.Execution;

/// <summary>A rank with its own thread. Steps are started by one caller at a time.</summary>
internal sealed class RankRunner : IDisposable
{
    private readonly int _rank;
    private readonly IPipelineTransport _transport;
    private readonly RankExecutor _executor;
    private readonly Thread _thread;
    private readonly SemaphoreSlim _wake = new(0);
    private Request? _request;
    private readonly Lock _stopLock = new();
    private Task<AbortInfo>? _watched;
    private CancellationTokenSource? _stop;
    private volatile bool _disposed;

    public RankRunner(
        int rank,
        IPipelineStage[] stages,
        IPipelineTransport transport,
        PipelineOptions options
    )
    {
        _rank = rank;
        _transport = transport;
        _executor = new RankExecutor(rank, stages, transport, options);
        _thread = new Thread(Loop) { IsBackground = true, Name = $"pipe-rank-{rank}" };
        _thread.Start();
    }

    public int Rank => _rank;

    public RankExecutor Executor => _executor;

    /// <summary>Runs one step on the rank's thread. The task never fails; the outcome carries the error.</summary>
    public Task<RankOutcome> StepAsync(
        StepPlan plan,
        StepInputs inputs,
        StepData data,
        long stepId,
        ProgressReporter? progress,
        CancellationToken cancellationToken
    )
    {
        var request = new Request(plan, inputs, data, stepId, progress, cancellationToken);
        lock (_stopLock)
        {
            if (_disposed)
            {
                return Task.FromResult(Refused());
            }

            _request = request;
            _wake.Release();
        }

        return request.Completion.Task;
    }

    /// <summary>The outcome of a rank that other ranks' failure did not end.</summary>
    public RankOutcome Stuck(TimeSpan patience) =>
        new(
            _rank,
            null,
            new RankFailure(
                _rank,
                _executor.ActionIndex,
                _executor.ActionText,
                new PipelineTimeoutException(
                    $"rank {_rank} is still inside {_executor.ActionText}, {patience} after the step failed: the stage call does not return"
                )
            ),
            IsStuck: true
        );

    /// <summary>Ends the thread, which releases its resources itself: a stage may dispose its own group.</summary>
    public void Dispose() => Dispose(wait: true);

    /// <param name="wait">False leaves a thread that is inside a stage call to end by itself.</param>
    public void Dispose(bool wait)
    {
        lock (_stopLock)
        {
            _disposed = true;
            _wake.Release();
        }

        Stop(null);
        if (wait && Thread.CurrentThread != _thread)
        {
            _thread.Join();
        }
    }

    private void Loop()
    {
        while (true)
        {
            _wake.Wait();
            if (_disposed)
            {
                break;
            }

            var request = _request!;
            _request = null;
            request.Completion.SetResult(Run(request));
        }

        // A step that was requested but not begun must not leave its caller waiting.
        _request?.Completion.SetResult(Refused());
        _request = null;
        _wake.Dispose();
        _executor.Dispose();
    }

    private RankOutcome Refused() =>
        new(
            _rank,
            null,
            new RankFailure(_rank, -1, "start of the step", new ObjectDisposedException("pipeline"))
        );

    private RankOutcome Run(Request request)
    {
        var faulted = _transport.Faulted;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(request.Cancellation);
        using var wake = stop.Token.UnsafeRegister(
            static state => ((RankExecutor)state!).Wake(),
            _executor
        );
        Watch(faulted, stop);
        try
        {
            return new RankOutcome(
                _rank,
                _executor.Run(
                    request.Plan,
                    request.Inputs,
                    request.Data,
                    request.StepId,
                    request.Progress,
                    stop.Token
                ),
                null
            );
        }
        catch (Exception e)
        {
            return new RankOutcome(_rank, null, Failure(e, faulted, request.Cancellation));
        }
        finally
        {
            lock (_stopLock)
            {
                _stop = null;
            }
        }
    }

    /// <summary>
    /// Stops the step when the transport faults. One continuation per fault task, not per step: a transport
    /// that never faults would otherwise collect them.
    /// </summary>
    private void Watch(Task<AbortInfo> faulted, CancellationTokenSource stop)
    {
        bool known;
        bool disposed;
        lock (_stopLock)
        {
            known = ReferenceEquals(faulted, _watched);
            disposed = _disposed;
            _watched = faulted;
            _stop = stop;
        }

        if (disposed)
        {
            stop.Cancel();
        }

        if (!known)
        {
            _ = faulted.ContinueWith(
                static (task, state) => ((RankRunner)state!).Stop(task),
                this,
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default
            );
        }
    }

    /// <summary>
    /// Stops the running step, if it runs under the given fault task: a late continuation of an earlier fault
    /// must not stop a step that began after the reset.
    /// </summary>
    private void Stop(Task? faulted)
    {
        CancellationTokenSource? stop;
        lock (_stopLock)
        {
            stop = faulted is null || ReferenceEquals(faulted, _watched) ? _stop : null;
        }

        try
        {
            stop?.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The step ended at the same moment.
        }
    }

    /// <summary>Tells a cancellation by the caller from one that only follows another rank's failure.</summary>
    private RankFailure Failure(
        Exception error,
        Task<AbortInfo> faulted,
        CancellationToken cancellation
    )
    {
        if (error is OperationCanceledException && faulted.IsCompletedSuccessfully)
        {
            var info = faulted.Result;
            if (info.IsCancellation && cancellation.IsCancellationRequested)
            {
                error = new OperationCanceledException(cancellation);
            }
            else if (info.Rank != _transport.Rank)
            {
                error = new PipelinePeerFaultedException(info);
            }
        }

        return new RankFailure(_rank, _executor.ActionIndex, _executor.ActionText, error);
    }

    private sealed class Request(
        StepPlan plan,
        StepInputs inputs,
        StepData data,
        long stepId,
        ProgressReporter? progress,
        CancellationToken cancellation
    )
    {
        public StepPlan Plan => plan;

        public StepInputs Inputs => inputs;

        public StepData Data => data;

        public long StepId => stepId;

        public ProgressReporter? Progress => progress;

        public CancellationToken Cancellation => cancellation;

        public TaskCompletionSource<RankOutcome> Completion { get; } =
            new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
