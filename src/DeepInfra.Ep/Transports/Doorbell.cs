// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace DeepInfra.Ep.Transports;

/// <summary>
/// Where the waits of one in-process rank sleep. Whoever writes a signal cell of the rank rings; the ringer
/// evaluates the sleepers' conditions itself, so a sleeper wakes once, when it can go on. That matters
/// when there are more rank threads than cores: every needless wake-up costs two context switches.
/// </summary>
/// <remarks>
/// Whether a wait sleeps, and whether a ringer meets a sleeper at the lock, is up to the scheduler. Neither may
/// allocate, or a warm program would still allocate now and then: sleepers take their places from a free list, and
/// the lock is a monitor, because a contended <see cref="Lock"/> creates its wait handle on the managed heap.
/// </remarks>
internal sealed unsafe class Doorbell
{
    // A rank waits on the thread of the caller and on one communication thread per buffer.
    private const int ReadyWaiters = 4;

    // Two microseconds of spinning catch hand-overs between ranks that really run at the same time.
    private static readonly long s_spinTicks = Math.Max(1, Stopwatch.Frequency / 500_000);

    private readonly object _gate = new();
    private readonly int[] _failedRanks;
    private readonly bool _spin;
    private Waiter? _first;
    private Waiter? _free;
    private int _waiting;

    public Doorbell(int[] failedRanks, bool spin)
    {
        _failedRanks = failedRanks;
        _spin = spin;
        for (var i = 0; i < ReadyWaiters; i++)
            _free = new Waiter { Next = _free };
    }

    public void Ring()
    {
        // Orders the cell's write before the look at the sleepers; a sleeper registers, then looks at the cell.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _waiting) == 0)
            return;
        lock (_gate)
        {
            for (var waiter = _first; waiter is not null; waiter = waiter.Next)
                if (!waiter.IsSignaled && waiter.Request->Evaluate(_failedRanks))
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
        if (request.Evaluate(_failedRanks) || SpinUntil(ref request))
            return request.PeerFailed ? EpWaitStatus.PeerFailed : EpWaitStatus.Satisfied;
        return Sleep(ref request, timeout, cancellationToken);
    }

    private bool SpinUntil(ref EpWaitRequest request)
    {
        if (_spin)
        {
            var end = Stopwatch.GetTimestamp() + s_spinTicks;
            do
            {
                Thread.SpinWait(8);
                if (request.Evaluate(_failedRanks))
                    return true;
            } while (Stopwatch.GetTimestamp() < end);
        }
        Thread.Yield();
        return request.Evaluate(_failedRanks);
    }

    private EpWaitStatus Sleep(
        ref EpWaitRequest request,
        TimeSpan timeout,
        CancellationToken cancellationToken
    )
    {
        var waiter = Rent();
        var cancellation = cancellationToken.CanBeCanceled
            ? cancellationToken.UnsafeRegister(
                static state => ((Waiter)state!).WakeCancelled(),
                waiter
            )
            : default;
        fixed (EpWaitRequest* pinned = &request)
        {
            try
            {
                if (!Register(waiter, pinned))
                    waiter.Sleep(timeout, cancellationToken);
            }
            finally
            {
                // Also if the thread is interrupted: ringers must not keep an address on its stack.
                Unregister(waiter);
            }
        }
        // Returns once a callback that is running has ended: nothing touches the waiter after that.
        cancellation.Dispose();
        Return(waiter);
        if (request.Evaluate(_failedRanks))
            return request.PeerFailed ? EpWaitStatus.PeerFailed : EpWaitStatus.Satisfied;
        cancellationToken.ThrowIfCancellationRequested();
        return EpWaitStatus.TimedOut;
    }

    private Waiter Rent()
    {
        lock (_gate)
        {
            var waiter = _free;
            if (waiter is null)
                return new Waiter();
            _free = waiter.Next;
            waiter.Next = null;
            return waiter;
        }
    }

    private void Return(Waiter waiter)
    {
        waiter.Reset();
        lock (_gate)
        {
            waiter.Next = _free;
            _free = waiter;
        }
    }

    /// <summary>Makes the waiter known to ringers; true if the wait is over already.</summary>
    private bool Register(Waiter waiter, EpWaitRequest* request)
    {
        lock (_gate)
        {
            waiter.Request = request;
            waiter.Next = _first;
            _first = waiter;
            Interlocked.Increment(ref _waiting);
            return request->Evaluate(_failedRanks);
        }
    }

    private void Unregister(Waiter waiter)
    {
        lock (_gate)
        {
            Unlink(waiter);
            Interlocked.Decrement(ref _waiting);
            waiter.Request = null;
        }
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
