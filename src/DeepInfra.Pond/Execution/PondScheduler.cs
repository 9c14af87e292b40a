// SPDX-License-Identifier: MIT
using System.Diagnostics;
using DeepInfra.Pond.Storage;

namespace DeepInfra.Pond.Execution;

/// <summary>
/// Decides which task runs next. Tasks that are ready wait in one queue, deepest first so that started
/// chains finish and free their intermediate files; cores and memory are tokens. Thread-safe.
/// </summary>
internal sealed class PondScheduler(JobRuntime job, IExecutorBackend backend) : IDisposable
{
    /// <summary>Waiting tasks, beside those for which there are cores, that are looked at one by one.</summary>
    private const int MostLooked = 64;
    private static readonly TimeSpan s_maxWait = TimeSpan.FromSeconds(10);
    private readonly Lock _lock = new();
    private readonly PriorityQueue<(PondTask Task, JobRun Run), (int, int, int)> _ready = new();
    private readonly List<Timer> _timers = [];
    private int _freeCores = job.Cores;
    private long _freeMemory = job.MemoryBudget;
    private bool _disposed;

    /// <summary>Runs the tasks whose output is not there yet; ends when all are done or the run stopped.</summary>
    public async Task RunAsync(JobRun run)
    {
        using var progress = job.Options.Progress is null
            ? null
            : new Timer(_ => Report(run), null, 250, 250);
        using (run.Caller.UnsafeRegister(static s => ((Action)s!)(), (Action)(() => Stop(run))))
        {
            lock (_lock)
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                Admit(run);
                Dispatch();
                CompleteIfOver(run);
            }

            await run.Completion.Task.ConfigureAwait(false);
        }

        Report(run);
        run.Caller.ThrowIfCancellationRequested();
        if (run.Fatal is not null)
        {
            throw new PondException($"The scheduler failed: {run.Fatal.Message}", run.Fatal);
        }

        if (run.Errors.Count > 0)
        {
            throw job.Failure(run);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            foreach (var timer in _timers)
            {
                timer.Dispose();
            }
        }

        backend.Dispose();
    }

    private void Admit(JobRun run)
    {
        foreach (var task in run.Tasks)
        {
            if (task.Output is not null)
            {
                task.State = TaskState.Done;
                task.Reused = true;
                run.Done++;
                run.Reused++;
                run.Remaining--;
                PondMetrics.Tasks.Add(1, PondMetrics.Kind(task), new("outcome", "reused"));
                job.Statistics.Finished(task, null, 0);
            }
        }

        foreach (var task in run.Tasks.Where(t => t.Output is null))
        {
            task.PendingInputs = 0;
            foreach (var producer in task.Producers)
            {
                producer.Holders++;
                if (producer.Output is null)
                {
                    producer.Consumers.Add(task);
                    task.PendingInputs++;
                }
            }
        }

        foreach (var task in run.Tasks.Where(t => t.Output is null && t.PendingInputs == 0))
        {
            Enqueue(task, run);
        }
    }

    private void Enqueue(PondTask task, JobRun run)
    {
        task.State = TaskState.Ready;
        task.ReadySince = Stopwatch.GetTimestamp();
        run.Waiting++;
        _ready.Enqueue((task, run), (task.Failures > 0 ? 0 : 1, -task.Depth, task.Id));
    }

    private void Dispatch()
    {
        List<(PondTask Task, JobRun Run)>? deferred = null;
        while (_ready.TryDequeue(out var item, out _))
        {
            var (task, run) = item;
            if (run.Stopping)
            {
                run.Waiting--;
                CompleteIfOver(run);
                continue;
            }

            if (task.Work.MetadataOnly)
            {
                Start(task, run, 0, 0);
                continue;
            }

            var cores = task.SingleThread ? 1 : Math.Min(task.Node.Cores, job.Cores);
            var memory = MemoryFor(task, cores);
            if (cores > _freeCores || memory > _freeMemory)
            {
                (deferred ??= []).Add(item);
                // A task that does not fit keeps others from overtaking it for ever.
                if (Stopwatch.GetElapsedTime(task.ReadySince) > s_maxWait || _freeCores == 0)
                {
                    break;
                }

                continue;
            }

            if (job.Options.BoostFinalPhase && !task.SingleThread && task.Work.CanUseMoreCores)
            {
                var share = _freeCores / (Waiting(deferred) + 1);
                if (share > cores && !HasNoRows(task))
                {
                    cores = share;
                    memory = Math.Min(_freeMemory, Math.Max(memory, MemoryFor(task, cores)));
                }
            }

            Start(task, run, cores, memory);
        }

        foreach (var item in deferred ?? [])
        {
            _ready.Enqueue(item, (item.Task.Failures > 0 ? 0 : 1, -item.Task.Depth, item.Task.Id));
        }
    }

    /// <summary>Tasks that want a core; those that have nothing to do want none for long.</summary>
    private int Waiting(List<(PondTask Task, JobRun Run)>? deferred)
    {
        var all = _ready.Count + (deferred?.Count ?? 0);
        return all >= _freeCores + MostLooked
            ? all
            : all - _ready.UnorderedItems.Count(i => HasNoRows(i.Element.Task));
    }

    private static bool HasNoRows(PondTask task) =>
        task.Inputs.Count > 0
        && task.Inputs.All(i => i.Slots.Count > 0 && FileSet.TotalRows(i.Sets) == 0);

    private long MemoryFor(PondTask task, int cores)
    {
        var share = task.Node.MemoryBytes ?? job.MemoryBudget * cores / job.Cores;
        return Math.Clamp(
            share * task.MemoryFactor,
            Math.Min(PondOptions.MinTaskMemory, job.MemoryBudget),
            job.MemoryBudget
        );
    }

    private void Start(PondTask task, JobRun run, int cores, long memory)
    {
        task.State = TaskState.Active;
        task.Attempts++;
        run.Waiting--;
        run.Running++;
        _freeCores -= cores;
        _freeMemory -= memory;
        backend.Start(new TaskAttempt(task, run, task.Attempts, cores, memory), OnFinished);
    }

    private void OnFinished(TaskAttempt attempt, TaskOutput? output, Exception? error)
    {
        var (task, run, _, cores, memory) = attempt;
        List<PondTask> released = [];
        var unneeded = new List<string>();
        lock (_lock)
        {
            _freeCores += cores;
            _freeMemory += memory;
            run.Running--;
            try
            {
                if (output is not null)
                {
                    Succeed(task, run, output, released);
                }
                else
                {
                    Fail(task, run, error!);
                }
            }
            catch (Exception e)
            {
                run.Fatal ??= e;
                run.RequestStop();
            }

            if (!_disposed)
            {
                Dispatch();
            }

            // Before the run can end: the next action must not find results that are about to go.
            foreach (var producer in released)
            {
                if (job.ReleaseFiles(producer) is { } directory)
                {
                    unneeded.Add(directory);
                }
            }

            CompleteIfOver(run);
        }

        unneeded.ForEach(DirectoryTools.TryDelete);
    }

    private void Succeed(PondTask task, JobRun run, TaskOutput output, List<PondTask> released)
    {
        task.Output = output;
        task.State = TaskState.Done;
        run.Done++;
        run.Remaining--;
        if (output.Directory is not null)
        {
            run.RowsOut += Math.Max(0, output.Rows);
            run.BytesOut += output.Bytes;
        }

        run.LastStage = task.ToString();
        PondMetrics.Tasks.Add(1, PondMetrics.Kind(task), new("outcome", "done"));
        if (!task.Work.MetadataOnly)
        {
            Release(task, released);
        }

        foreach (var consumer in task.Consumers)
        {
            if (--consumer.PendingInputs == 0)
            {
                Enqueue(consumer, run);
            }
        }
    }

    /// <summary>
    /// A finished task lets go of its inputs. Metadata tasks pass their producers' files on, so they let go
    /// only when nobody needs their own output any more.
    /// </summary>
    private static void Release(PondTask task, List<PondTask> released)
    {
        foreach (var producer in task.Producers)
        {
            if (--producer.Holders > 0 || producer.Retain)
            {
                continue;
            }

            if (producer.Work.MetadataOnly)
            {
                Release(producer, released);
            }
            else
            {
                released.Add(producer);
            }
        }
    }

    private void Fail(PondTask task, JobRun run, Exception error)
    {
        if (error is OperationCanceledException && run.Stopping)
        {
            task.State = TaskState.Failed;
            return;
        }

        task.Failures++;
        var described = job.Describe(error, task);
        var transient = described.IsTransient && task.Failures <= job.Options.MaxFailures;
        if (described is PondOutOfMemoryException)
        {
            transient &= Escalate(task);
        }

        if (!transient || job.Options.FailFast || run.Stopping)
        {
            task.State = TaskState.Failed;
            run.Errors.Add(described);
            PondMetrics.Tasks.Add(1, PondMetrics.Kind(task), new("outcome", "failed"));
            if (!run.Stopping)
            {
                run.RequestStop();
            }

            return;
        }

        run.Retries++;
        PondMetrics.Retries.Add(1, PondMetrics.Kind(task));
        job.LogRetry(task, described);
        // The state machine has no state for "waits for its retry", so the task stays active until then.
        var delay = job.Options.RetryDelay * Math.Pow(2, task.Failures - 1);
        run.Waiting++;
        Timer? timer = null;
        timer = new Timer(
            _ =>
            {
                lock (_lock)
                {
                    run.Waiting--;
                    _timers.Remove(timer!);
                    timer!.Dispose();
                    if (_disposed || run.Stopping)
                    {
                        CompleteIfOver(run);
                        return;
                    }

                    Enqueue(task, run);
                    Dispatch();
                }
            },
            null,
            Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan
        );
        _timers.Add(timer);
        timer.Change(delay, Timeout.InfiniteTimeSpan);
    }

    /// <summary>More memory first, then one thread, then give up.</summary>
    private bool Escalate(PondTask task)
    {
        if (MemoryFor(task, Math.Min(task.Node.Cores, job.Cores)) < job.MemoryBudget)
        {
            task.MemoryFactor *= 2;
            return true;
        }

        if (!task.SingleThread && job.Cores > 1)
        {
            task.SingleThread = true;
            task.MemoryFactor *= job.Cores;
            return true;
        }

        return false;
    }

    private void Stop(JobRun run)
    {
        lock (_lock)
        {
            run.RequestStop();
            if (!_disposed)
            {
                Dispatch();
            }

            CompleteIfOver(run);
        }
    }

    private static void CompleteIfOver(JobRun run)
    {
        // Queued tasks of a stopping run are dropped when their turn comes.
        if (run.Running == 0 && (run.Remaining == 0 || run.Stopping))
        {
            run.Completion.TrySetResult();
        }
    }

    private void Report(JobRun run)
    {
        if (job.Options.Progress is not { } sink)
        {
            return;
        }

        PondProgress snapshot;
        lock (_lock)
        {
            snapshot = run.Snapshot();
        }

        sink.Report(snapshot);
    }
}
