// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;

namespace DeepInfra.Core.Cpu;

/// <summary>A pool thread that waits for a <see cref="ParallelJob"/>, helps with it and waits again.</summary>
[SuppressMessage(
    "Design",
    "CA1001:Types that own disposable fields should be disposable",
    Justification = "Lives as long as its thread."
)]
internal sealed class CpuWorker
{
    private readonly SemaphoreSlim _signal = new(0);
    private ParallelJob? _assigned;
    private int _busy;

    public CpuWorker(int index)
    {
        var thread = new Thread(Loop, maxStackSize: 4 << 20)
        {
            IsBackground = true,
            Name = $"deepinfra-cpu-{index}",
        };
        // Without the execution context of whoever needed a thread first: it would stay for good, a TensorScope among it.
        thread.UnsafeStart();
    }

    public bool TryAssign(ParallelJob job)
    {
        if (Interlocked.CompareExchange(ref _busy, 1, 0) != 0)
            return false;
        job.Enter();
        Volatile.Write(ref _assigned, job);
        _signal.Release();
        return true;
    }

    /// <summary>Withdraws the job if this worker has not begun with it.</summary>
    public void Revoke(ParallelJob job)
    {
        if (Interlocked.CompareExchange(ref _assigned, null, job) != job)
            return;
        Volatile.Write(ref _busy, 0);
        job.Leave();
    }

    private void Loop()
    {
        CpuParallel.MarkWorkerThread();
        while (true)
        {
            _signal.Wait();
            // A revoked job leaves its signal behind: then there is nothing to do.
            if (Interlocked.Exchange(ref _assigned, null) is not { } job)
                continue;
            job.Work(job.TakeWorkerId());
            Volatile.Write(ref _busy, 0);
            job.Leave();
        }
    }
}
