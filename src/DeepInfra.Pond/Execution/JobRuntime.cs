// SPDX-License-Identifier: MIT
using System.Diagnostics;
using DeepInfra.Pond.Engine;
using DeepInfra.Pond.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DeepInfra.Pond.Execution;

/// <summary>Everything that the tasks of one session share. Thread-safe.</summary>
internal sealed partial class JobRuntime : IDisposable
{
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _holds = new(StringComparer.Ordinal);
    private readonly HashSet<string> _retained = new(StringComparer.Ordinal);
    private long _attempts;

    public JobRuntime(PondOptions options, JobDirectory directory)
    {
        Options = options;
        Directory = directory;
        Cores = options.Cores ?? Environment.ProcessorCount;
        MemoryBudget =
            options.MemoryBudget
            ?? Math.Max(
                PondOptions.MinTaskMemory,
                GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 10 * 8
            );
        Seed = options.RandomSeed ?? directory.ReadOrCreateSeed();
        _logger = (options.LoggerFactory ?? NullLoggerFactory.Instance).CreateLogger(
            "DeepInfra.Pond"
        );
        var spill = options.MaxSpillBytes ?? HalfOfFreeSpace(directory.Temp);
        // A task has at least one core. Planning and reading, which hardly spill, share one more part.
        var share = spill / (Cores + 1);
        Pool = new DuckPool(Path.Combine(directory.Temp, "spill"), share, Cores, Cores);
        ReaderPool = new DuckPool(Path.Combine(directory.Temp, "spill-read"), share, 1, Cores + 1);
        Store = new TaskStore(directory.Store, options);
        Stager = new FileStager(this);
#pragma warning disable CA2000 // it belongs to the scheduler
        Scheduler = new PondScheduler(this, new EmbeddedBackend(Execute, Cores + 2));
#pragma warning restore CA2000
    }

    public PondOptions Options { get; }

    public JobDirectory Directory { get; }

    public int Cores { get; }

    public long MemoryBudget { get; }

    public long Seed { get; }

    /// <summary>Instances for tasks.</summary>
    public DuckPool Pool { get; }

    /// <summary>Instances for planning and for reading results.</summary>
    public DuckPool ReaderPool { get; }

    public TaskStore Store { get; }

    public FileStager Stager { get; }

    public PondScheduler Scheduler { get; }

    public StageStatistics Statistics { get; } = new();

    public DateTimeOffset Now => Options.TimeProvider.GetUtcNow();

    /// <summary>A new directory of its own under the job's temporary directory.</summary>
    public string NewTempDirectory(string prefix) => NewDirectory(Directory.Temp, prefix);

    private string NewDirectory(string parent, string prefix)
    {
        var path = Path.Combine(
            parent,
            FormattableString.Invariant($"{prefix}-{Interlocked.Increment(ref _attempts)}")
        );
        System.IO.Directory.CreateDirectory(path);
        return path;
    }

    public void Hold(string key)
    {
        lock (_lock)
        {
            _holds[key] = _holds.GetValueOrDefault(key) + 1;
        }
    }

    public void Retain(string key)
    {
        lock (_lock)
        {
            _retained.Add(key);
        }
    }

    /// <summary>Ends a hold without deleting anything, for runs that did not finish.</summary>
    public void Unhold(string key)
    {
        lock (_lock)
        {
            _holds[key] = Math.Max(0, _holds.GetValueOrDefault(key) - 1);
        }
    }

    /// <summary>
    /// Ends one run's hold on a task's files. When nobody else needs them they leave the store; the result is
    /// the directory that is to be deleted, or null.
    /// </summary>
    public string? ReleaseFiles(PondTask task)
    {
        if (task.Work.MetadataOnly || task.Released)
        {
            return null;
        }

        lock (_lock)
        {
            task.Released = true;
            var left = _holds.GetValueOrDefault(task.Key) - 1;
            if (left > 0)
            {
                _holds[task.Key] = left;
                return null;
            }

            _holds.Remove(task.Key);
            if (
                Options.KeepIntermediates
                || Options.CacheScope == CacheScope.Root
                || _retained.Contains(task.Key)
            )
            {
                return null;
            }

            // Under the lock: an action that takes hold of the key finds the whole result or none.
            var target = Path.Combine(
                Directory.Attempts,
                FormattableString.Invariant($"released-{Interlocked.Increment(ref _attempts)}")
            );
            return Store.TryTakeOut(task, target) ? target : Store.PathOf(task.Key);
        }
    }

    public PondJobFailedException Failure(JobRun run)
    {
        var groups = run.Errors.GroupBy(e => e.Message, StringComparer.Ordinal).ToArray();
        var text = string.Join(
            "\n",
            groups.Take(5).Select(g => g.Count() == 1 ? g.Key : $"{g.Count()} times: {g.Key}")
        );
        var more = groups.Length > 5 ? $"\nand {groups.Length - 5} more" : "";
        return new PondJobFailedException(
            FormattableString.Invariant(
                $"Job {Directory.JobId}: {run.Action} failed with {run.Errors.Count} task error(s), {run.Done} of {run.Tasks.Count} tasks done.\n{text}{more}"
            ),
            run.Errors.ToArray()
        )
        {
            JobId = Directory.JobId,
            NodeId = run.Errors[0].NodeId,
            SourceLocation = run.Errors[0].SourceLocation,
        };
    }

    public void LogRetry(PondTask task, PondTaskException error)
    {
        if (_logger.IsEnabled(LogLevel.Warning))
        {
            LogRetry(_logger, task.ToString(), task.Failures, error.Message);
        }
    }

    public void LogSkew(string node, double ratio)
    {
        if (_logger.IsEnabled(LogLevel.Warning))
        {
            LogSkew(_logger, node, ratio);
        }
    }

    public void Dispose()
    {
        Scheduler.Dispose();
        Pool.Dispose();
        ReaderPool.Dispose();
        Stager.Dispose();
    }

    private TaskOutput Execute(TaskAttempt attempt)
    {
        var task = attempt.Task;
        var cancellation = attempt.Run.Stop;
        cancellation.ThrowIfCancellationRequested();
        if (task.Work.MetadataOnly)
        {
            using var light = new TaskContext(
                this,
                task,
                null,
                1,
                PondOptions.MinTaskMemory,
                cancellation
            );
            return task.Work.Run(light);
        }

        using var activity = PondMetrics.Activities.StartActivity("pond.task");
        activity?.SetTag("task", task.ToString());
        var started = Stopwatch.GetTimestamp();
        // Beside the results, because a result appears by a rename, which does not leave its volume.
        var directory = NewDirectory(Directory.Attempts, "attempt");
        using var context = new TaskContext(
            this,
            task,
            directory,
            attempt.Cores,
            attempt.MemoryBytes,
            cancellation
        );
        try
        {
            Options.FaultHook?.Invoke(FaultPoint.BeforeRun, task.ToString());
            InputChecks.Verify(context);
            System.IO.Directory.CreateDirectory(context.OutputDirectory);
            var output = InputChecks.RunAndNameBadFile(context, task.Work.Run);
            InputChecks.VerifyUnchanged(this, task.Inputs.SelectMany(i => i.Sets));
            Options.FaultHook?.Invoke(FaultPoint.AfterRun, task.ToString());
            cancellation.ThrowIfCancellationRequested();
            Store.Commit(task, context.OutputDirectory, output, Now, out var committed);
            Options.FaultHook?.Invoke(FaultPoint.AfterCommit, task.ToString());
            var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            PondMetrics.Duration.Record(seconds, PondMetrics.Kind(task));
            PondMetrics.Rows.Add(Math.Max(0, committed.Rows), PondMetrics.Kind(task));
            PondMetrics.Bytes.Add(committed.Bytes, PondMetrics.Kind(task));
            Statistics.Finished(task, committed, seconds);
            return committed;
        }
        finally
        {
            DirectoryTools.TryDelete(directory);
        }
    }

    private static long? HalfOfFreeSpace(string path)
    {
        try
        {
            return new DriveInfo(path).AvailableFreeSpace / 2;
        }
        catch (Exception e)
            when (e is IOException or ArgumentException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    [LoggerMessage(
        EventId = 7001,
        Level = LogLevel.Warning,
        Message = "{Task} failed {Failures} time(s) and is repeated: {Error}"
    )]
    private static partial void LogRetry(ILogger logger, string task, int failures, string error);

    [LoggerMessage(
        EventId = 7002,
        Level = LogLevel.Warning,
        Message = "{Node}: the largest partition has {Ratio:F1} times the rows of the median one."
    )]
    private static partial void LogSkew(ILogger logger, string node, double ratio);
}
