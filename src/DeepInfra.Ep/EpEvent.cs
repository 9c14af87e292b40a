// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace DeepInfra.Ep;

/// <summary>
/// Completion of an asynchronous operation: wait for it, await it, or pass it as <c>After</c> to a later
/// operation. The event of a pooled result belongs to that result and must not be used after the result was
/// disposed. Thread-safe.
/// </summary>
public sealed class EpEvent : IDisposable
{
    // A monitor: waiting for it allocates nothing.
    private readonly object _gate = new();
    private Action? _continuation;
    private List<Action>? _moreContinuations;
    private ExceptionDispatchInfo? _error;
    private bool _pending;

    internal EpEvent() { }

    /// <summary>True while only the invocation of a hook completes the event. Used by the thread that owns the hook.</summary>
    internal bool IsHookPending { get; set; }

    /// <summary>The failure of the operation; null while it is going on and after success.</summary>
    internal ExceptionDispatchInfo? Error => Volatile.Read(ref _error);

    /// <summary>True once the operation ended, in success or failure.</summary>
    public bool IsCompleted => !Volatile.Read(ref _pending);

    /// <summary>An event for the work of the caller so far: on the CPU that work is done, so the event is complete.</summary>
    public static EpEvent Capture() => new();

    /// <summary>An event that completes with a task, to make an operation start after it.</summary>
    /// <param name="task">The task; its failure becomes the failure of the operation that waits for it.</param>
    public static EpEvent FromTask(Task task)
    {
        ArgumentNullException.ThrowIfNull(task);
        var result = new EpEvent();
        if (task.IsCompletedSuccessfully)
            return result;
        result.Begin();
        task.ContinueWith(
            static (done, state) =>
                ((EpEvent)state!).Complete(
                    done.IsFaulted ? done.Exception!.InnerException
                    : done.IsCanceled ? new TaskCanceledException(done)
                    : null
                ),
            result,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default
        );
        return result;
    }

    /// <summary>Blocks until the operation ended and rethrows its failure.</summary>
    public void Wait()
    {
        WaitWithoutThrow();
        Volatile.Read(ref _error)?.Throw();
    }

    /// <summary>Blocks until the operation ended or the time is over, and rethrows a failure.</summary>
    /// <param name="timeout">How long to wait.</param>
    /// <returns>False if the operation is still going on.</returns>
    public bool Wait(TimeSpan timeout)
    {
        if (!IsCompleted && !WaitUntil(timeout))
            return false;
        Volatile.Read(ref _error)?.Throw();
        return true;
    }

    /// <summary>Makes the event awaitable; continuations run on the thread pool.</summary>
    public EpEventAwaiter GetAwaiter() => new(this);

    /// <summary>The event as a task, for combination with other tasks.</summary>
    public Task AsTask()
    {
        var completion = new TaskCompletionSource(
            TaskCreationOptions.RunContinuationsAsynchronously
        );
        OnCompleted(() =>
        {
            var error = Volatile.Read(ref _error);
            if (error is null)
                completion.SetResult();
            else
                completion.SetException(error.SourceException);
        });
        return completion.Task;
    }

    /// <summary>Waits for the operation if nobody did; a failure is not thrown here.</summary>
    public void Dispose() => WaitWithoutThrow();

    internal void WaitWithoutThrow()
    {
        if (IsCompleted)
            return;
        lock (_gate)
        {
            while (_pending)
                Monitor.Wait(_gate);
        }
    }

    internal void Reset() => Volatile.Write(ref _error, null);

    internal void Begin()
    {
        lock (_gate)
        {
            _error = null;
            Volatile.Write(ref _pending, true);
        }
    }

    internal void Complete(Exception? error)
    {
        Action? first;
        List<Action>? more;
        lock (_gate)
        {
            _error = error is null ? null : ExceptionDispatchInfo.Capture(error);
            Volatile.Write(ref _pending, false);
            Monitor.PulseAll(_gate);
            first = _continuation;
            more = _moreContinuations;
            _continuation = null;
            _moreContinuations = null;
        }
        if (first is not null)
            Schedule(first);
        if (more is not null)
            foreach (var continuation in more)
                Schedule(continuation);
    }

    internal void OnCompleted(Action continuation)
    {
        lock (_gate)
        {
            if (_pending)
            {
                if (_continuation is null)
                    _continuation = continuation;
                else
                    (_moreContinuations ??= []).Add(continuation);
                return;
            }
        }
        Schedule(continuation);
    }

    private bool WaitUntil(TimeSpan timeout)
    {
        if (timeout < TimeSpan.Zero && timeout != Timeout.InfiniteTimeSpan)
            throw new ArgumentOutOfRangeException(
                nameof(timeout),
                $"timeout: expected a time >= 0 or {Timeout.InfiniteTimeSpan}, got {timeout}"
            );
        var start = Stopwatch.GetTimestamp();
        lock (_gate)
        {
            while (_pending)
            {
                if (timeout == Timeout.InfiniteTimeSpan)
                {
                    Monitor.Wait(_gate);
                    continue;
                }
                var left = timeout - Stopwatch.GetElapsedTime(start);
                if (left <= TimeSpan.Zero)
                    return false;
                // Rounded up: a rest below one millisecond must not turn into a busy loop of zero waits.
                Monitor.Wait(_gate, (int)Math.Min(Math.Ceiling(left.TotalMilliseconds), 1 << 30));
            }
        }
        return true;
    }

    private static void Schedule(Action continuation) =>
        ThreadPool.UnsafeQueueUserWorkItem(
            static state => state(),
            continuation,
            preferLocal: false
        );
}
