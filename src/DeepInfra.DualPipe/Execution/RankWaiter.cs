// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Transports;

namespace DeepInfra.DualPipe.Execution;

/// <summary>
/// Blocks a rank's thread until an operation completes, the step stops, or time runs out. One event and
/// one delegate serve every wait, so waiting allocates nothing. The stop token is not passed to the event
/// (that would cost a registration per wait): whoever stops the step calls <see cref="Wake"/>.
/// </summary>
internal sealed class RankWaiter : IDisposable
{
    private readonly ManualResetEventSlim _signal;
    private readonly Action _set;
    private readonly TimeSpan _timeout;

    public RankWaiter(TimeSpan timeout)
    {
        // More spinning than this only takes cores away from the ranks that are waited for.
        _signal = new ManualResetEventSlim(false, spinCount: 16);
        _set = _signal.Set;
        _timeout = timeout;
    }

    /// <summary>Wakes the rank so that it looks at its stop token.</summary>
    public void Wake() => _signal.Set();

    /// <summary>Waits until an operation has completed; its result is still to be taken.</summary>
    /// <returns>False on timeout.</returns>
    public bool WaitFor(in ValueTask task, CancellationToken stop)
    {
        var awaiter = task.GetAwaiter();
        if (!awaiter.IsCompleted)
        {
            _signal.Reset();
            awaiter.UnsafeOnCompleted(_set);
            while (!awaiter.IsCompleted)
            {
                stop.ThrowIfCancellationRequested();
                if (!_signal.Wait(_timeout, CancellationToken.None))
                {
                    return false;
                }

                _signal.Reset();
            }
        }

        return true;
    }

    /// <summary>Waits until an operation has completed; its result is still to be taken.</summary>
    /// <returns>False on timeout.</returns>
    public bool WaitFor(in ValueTask<TensorMessage> task, CancellationToken stop)
    {
        var awaiter = task.GetAwaiter();
        if (!awaiter.IsCompleted)
        {
            _signal.Reset();
            awaiter.UnsafeOnCompleted(_set);
            while (!awaiter.IsCompleted)
            {
                stop.ThrowIfCancellationRequested();
                if (!_signal.Wait(_timeout, CancellationToken.None))
                {
                    return false;
                }

                _signal.Reset();
            }
        }

        return true;
    }

    public void Dispose() => _signal.Dispose();
}
