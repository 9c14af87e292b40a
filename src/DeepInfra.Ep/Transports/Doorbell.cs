// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace DeepInfra.Ep.Transports;

/// <summary>
/// Where the waits of one in-process rank sleep. Whoever writes a signal cell of the rank rings; the ringer
/// evaluates the sleepers' conditions itself, so a sleeper wakes once, when it can go on. That matters
/// when there are more rank threads than cores: every needless wake-up costs two context switches.
/// </summary>
internal sealed unsafe class Doorbell(int[] failedRanks, bool spin)
{
    // Two microseconds of spinning catch hand-overs between ranks that really run at the same time.
    private static readonly long s_spinTicks = Math.Max(1, Stopwatch.Frequency / 500_000);

    [ThreadStatic]
    private static Waiter? t_waiter;

    private readonly Lock _gate = new();
    private Waiter? _first;
    private int _waiting;

    public void Ring()
    {
        // Orders the cell's write before the look at the sleepers; a sleeper registers, then looks at the cell.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _waiting) == 0)
            return;
        lock (_gate)
        {
            for (var waiter = _first; waiter is not null; waiter = waiter.Next)
                if (!waiter.IsSignaled && waiter.Request->Evaluate(failedRanks))
                    waiter.Wake();
        }
    }

    public EpWaitStatus Wait(
        ref EpWaitRequest request,
        TimeSpan timeout,
        CancellationToken cancellationToken
    )
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (request.Evaluate(failedRanks) || SpinUntil(ref request))
            return request.PeerFailed ? EpWaitStatus.PeerFailed : EpWaitStatus.Satisfied;
        return Sleep(ref request, timeout, cancellationToken);
    }

    private bool SpinUntil(ref EpWaitRequest request)
    {
        if (spin)
        {
            var end = Stopwatch.GetTimestamp() + s_spinTicks;
            do
            {
                Thread.SpinWait(8);
                if (request.Evaluate(failedRanks))
                    return true;
            } while (Stopwatch.GetTimestamp() < end);
        }
        Thread.Yield();
        return request.Evaluate(failedRanks);
    }

    private EpWaitStatus Sleep(
        ref EpWaitRequest request,
        TimeSpan timeout,
        CancellationToken cancellationToken
    )
    {
        var waiter = t_waiter ??= new Waiter();
        var cancellation = cancellationToken.CanBeCanceled
            ? cancellationToken.UnsafeRegister(
                static state => ((Waiter)state!).WakeCancelled(),
                waiter
            )
            : default;
        bool over;
        fixed (EpWaitRequest* pinned = &request)
        {
            waiter.Request = pinned;
            lock (_gate)
            {
                waiter.Next = _first;
                _first = waiter;
                Interlocked.Increment(ref _waiting);
                over = request.Evaluate(failedRanks);
            }
            if (!over)
                waiter.Sleep(timeout, cancellationToken);
            lock (_gate)
            {
                Unlink(waiter);
                Interlocked.Decrement(ref _waiting);
            }
            waiter.Reset();
        }
        cancellation.Dispose();
        // A cancelled registration that ran late may have left its mark.
        waiter.Reset();
        if (request.Evaluate(failedRanks))
            return request.PeerFailed ? EpWaitStatus.PeerFailed : EpWaitStatus.Satisfied;
        cancellationToken.ThrowIfCancellationRequested();
        return EpWaitStatus.TimedOut;
    }

    private void Unlink(Waiter waiter)
    {
        if (_first == waiter)
        {
            _first = waiter.Next;
        }
        else
        {
            var before = _first!;
            while (before.Next != waiter)
                before = before.Next!;
            before.Next = waiter.Next;
        }
        waiter.Next = null;
    }

    private sealed class Waiter
    {
        public EpWaitRequest* Request;
        public Waiter? Next;
        private bool _signaled;

        public bool IsSignaled => Volatile.Read(ref _signaled);

        public void Wake()
        {
            lock (this)
            {
                _signaled = true;
                Monitor.Pulse(this);
            }
        }

        public void WakeCancelled() => Wake();

        public void Sleep(TimeSpan timeout, CancellationToken cancellationToken)
        {
            var start = Stopwatch.GetTimestamp();
            lock (this)
            {
                while (!_signaled && !cancellationToken.IsCancellationRequested)
                {
                    var left = timeout - Stopwatch.GetElapsedTime(start);
                    if (left <= TimeSpan.Zero)
                        return;
                    // Rounded up: a rest below one millisecond must not turn into a busy loop of zero waits.
                    var milliseconds = Math.Min(Math.Ceiling(left.TotalMilliseconds), 1 << 30);
                    Monitor.Wait(this, (int)milliseconds);
                }
            }
        }

        public void Reset()
        {
            lock (this)
                _signaled = false;
        }
    }
}
