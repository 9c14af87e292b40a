// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Runtime.ExceptionServices;

namespace DeepInfra.Core.Cpu;

/// <summary>One loop in progress: the item cursor and who still works on it. Reused by its calling thread.</summary>
[SuppressMessage(
    "Design",
    "CA1001:Types that own disposable fields should be disposable",
    Justification = "Lives as long as its thread."
)]
internal sealed unsafe class ParallelJob
{
    private readonly ManualResetEventSlim _idle = new(initialState: true, spinCount: 50);
    private int _next;
    private int _itemCount;
    private int _activeWorkers;
    private int _workerIds;
    private void* _work;
    private delegate* <void*, int, int, void> _invoke;
    private CancellationToken _cancellationToken;
    private ExceptionDispatchInfo? _error;

    public void Start(
        int itemCount,
        void* work,
        delegate* <void*, int, int, void> invoke,
        CancellationToken cancellationToken
    )
    {
        _next = 0;
        _itemCount = itemCount;
        _workerIds = 0;
        _work = work;
        _invoke = invoke;
        _cancellationToken = cancellationToken;
        _error = null;
    }

    public void Enter() => Interlocked.Increment(ref _activeWorkers);

    public void Leave()
    {
        if (Interlocked.Decrement(ref _activeWorkers) == 0)
            _idle.Set();
    }

    public int TakeWorkerId() => Interlocked.Increment(ref _workerIds);

    public void Work(int worker)
    {
        try
        {
            while (true)
            {
                var item = Interlocked.Increment(ref _next) - 1;
                // After a failure the cursor is moved to the end; the unsigned test also survives wrap-around.
                if ((uint)item >= (uint)_itemCount)
                    return;
                _cancellationToken.ThrowIfCancellationRequested();
                _invoke(_work, item, worker);
            }
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref _error, ExceptionDispatchInfo.Capture(e), null);
            Volatile.Write(ref _next, _itemCount);
        }
    }

    public void Finish(CpuWorker[] workers)
    {
        // Workers that have not woken up yet are not needed any more: take the assignment back.
        foreach (var worker in workers)
            worker.Revoke(this);
        while (Volatile.Read(ref _activeWorkers) != 0)
        {
            // A worker that left earlier may have set the event late. Whoever leaves last from here on sets it
            // after the reset, because the count is read in between.
            _idle.Reset();
            if (Volatile.Read(ref _activeWorkers) == 0)
                break;
            _idle.Wait();
        }
        _work = null;
    }

    public void ThrowIfFailed()
    {
        var error = _error;
        _error = null;
        error?.Throw();
    }
}
