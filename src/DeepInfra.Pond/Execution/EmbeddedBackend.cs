// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Execution;

/// <summary>
/// Runs attempts on threads of its own: DuckDB blocks its caller for the whole query, which must not happen
/// to the thread pool.
/// </summary>
internal sealed class EmbeddedBackend(Func<TaskAttempt, TaskOutput> execute, int maxThreads)
    : IExecutorBackend
{
    private readonly Lock _lock = new();
    private readonly Queue<(
        TaskAttempt Attempt,
        Action<TaskAttempt, TaskOutput?, Exception?> Finished
    )> _queue = new();
    private readonly SemaphoreSlim _available = new(0);
    private readonly List<Thread> _threads = [];
    private int _idle;
    private bool _disposed;

    public void Start(TaskAttempt attempt, Action<TaskAttempt, TaskOutput?, Exception?> finished)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _queue.Enqueue((attempt, finished));
            if (_idle < _queue.Count && _threads.Count < maxThreads)
            {
                var thread = new Thread(Loop)
                {
                    IsBackground = true,
                    Name = FormattableString.Invariant($"pond-{_threads.Count}"),
                };
                _threads.Add(thread);
                thread.Start();
            }
        }

        _available.Release();
    }

    public void Dispose()
    {
        List<Thread> threads;
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            threads = [.. _threads];
        }

        if (threads.Count > 0)
        {
            _available.Release(threads.Count);
        }

        foreach (var thread in threads)
        {
            thread.Join();
        }

        _available.Dispose();
    }

    private void Loop()
    {
        while (true)
        {
            Interlocked.Increment(ref _idle);
            _available.Wait();
            Interlocked.Decrement(ref _idle);
            (TaskAttempt Attempt, Action<TaskAttempt, TaskOutput?, Exception?> Finished) item;
            lock (_lock)
            {
                if (!_queue.TryDequeue(out item))
                {
                    return;
                }
            }

            TaskOutput? output = null;
            Exception? error = null;
            try
            {
                output = execute(item.Attempt);
            }
            catch (Exception e)
            {
                error = e;
            }

            item.Finished(item.Attempt, output, error);
        }
    }
}
