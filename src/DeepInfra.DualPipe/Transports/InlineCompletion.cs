// SPDX-License-Identifier: MIT
using System.Threading.Tasks.Sources;

namespace DeepInfra.DualPipe.Transports;

/// <summary>
/// Reusable source of value tasks whose continuation always runs inline, on the completing thread or,
/// when completion came first, on the awaiting one: no thread-pool hop and no allocation.
/// </summary>
internal abstract class InlineCompletion<T> : IValueTaskSource<T>, IValueTaskSource
{
    private const int Pending = 0;
    private const int Registered = 1;
    private const int Completed = 2;
    private Action<object?>? _continuation;
    private object? _state;
    private T? _result;
    private Exception? _error;
    private int _phase;
    private short _version;

    public short Version => _version;

    public void SetResult(T result)
    {
        _result = result;
        Signal();
    }

    public void SetException(Exception error)
    {
        _error = error;
        Signal();
    }

    public ValueTaskSourceStatus GetStatus(short token)
    {
        Check(token);
        return Volatile.Read(ref _phase) != Completed ? ValueTaskSourceStatus.Pending
            : _error is null ? ValueTaskSourceStatus.Succeeded
            : ValueTaskSourceStatus.Faulted;
    }

    public void OnCompleted(
        Action<object?> continuation,
        object? state,
        short token,
        ValueTaskSourceOnCompletedFlags flags
    )
    {
        Check(token);
        if (
            (flags & ValueTaskSourceOnCompletedFlags.UseSchedulingContext) != 0
            && SynchronizationContext.Current is { } context
        )
        {
            continuation = PostTo(context, continuation);
        }

        _continuation = continuation;
        _state = state;
        if (Interlocked.CompareExchange(ref _phase, Registered, Pending) == Completed)
        {
            continuation(state);
        }
    }

    T IValueTaskSource<T>.GetResult(short token) => Take(token);

    void IValueTaskSource.GetResult(short token) => Take(token);

    /// <summary>Called when the result has been taken; puts the object back into its pool.</summary>
    protected abstract void OnConsumed();

    /// <summary>A method of its own: a closure in the caller would be allocated on every call.</summary>
    private static Action<object?> PostTo(
        SynchronizationContext context,
        Action<object?> continuation
    ) => state => context.Post(continuation.Invoke, state);

    private T Take(short token)
    {
        Check(token);
        if (Volatile.Read(ref _phase) != Completed)
        {
            throw new InvalidOperationException("the operation has not completed");
        }

        var (result, error) = (_result!, _error);
        _result = default;
        _error = null;
        _state = null;
        _continuation = null;
        _version++;
        Volatile.Write(ref _phase, Pending);
        OnConsumed();
        return error is null ? result : throw error;
    }

    private void Signal()
    {
        while (true)
        {
            var phase = Volatile.Read(ref _phase);
            var continuation = phase == Registered ? _continuation : null;
            var state = _state;

            // From here on the consumer may take the result and reuse this object: only locals remain.
            if (Interlocked.CompareExchange(ref _phase, Completed, phase) == phase)
            {
                continuation?.Invoke(state);
                return;
            }
        }
    }

    private void Check(short token)
    {
        if (token != _version)
        {
            throw new InvalidOperationException("the value task was already consumed");
        }
    }
}
