// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.Core.Cpu;

/// <summary>
/// Runs loops of independent items on a shared pool of threads, one per core. It allocates nothing when warm,
/// never nests (a loop started inside a loop runs on its own thread), and when the pool is busy with other
/// callers the calling thread simply does the work itself, so many caller threads do not oversubscribe
/// the machine. Items are claimed dynamically; which thread runs an item never changes the result as long as
/// items are disjoint. Thread-safe.
/// </summary>
public static unsafe class CpuParallel
{
    private static readonly CpuWorker[] s_workers = CreateWorkers();

    [ThreadStatic]
    private static ParallelJob? t_job;

    [ThreadStatic]
    private static bool t_insideLoop;

    /// <summary>Executes items 0 to <paramref name="itemCount"/> - 1 and returns when all are done.</summary>
    /// <typeparam name="TWork">The loop body.</typeparam>
    /// <param name="itemCount">Number of items; 0 does nothing.</param>
    /// <param name="work">The body; every thread uses this one instance.</param>
    /// <param name="maxDegreeOfParallelism">Most threads to use, at least 1.</param>
    /// <param name="cancellationToken">Checked before each item.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled; some items did not run.</exception>
    /// <remarks>An exception from an item stops the loop and is rethrown here; the first one wins.</remarks>
    public static void Run<TWork>(
        int itemCount,
        ref TWork work,
        int maxDegreeOfParallelism,
        CancellationToken cancellationToken = default
    )
        where TWork : struct, ICpuWork
    {
        ArgumentOutOfRangeException.ThrowIfNegative(itemCount);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxDegreeOfParallelism, 1);
        var helpers = Math.Min(Math.Min(maxDegreeOfParallelism, itemCount) - 1, s_workers.Length);
        if (helpers <= 0 || t_insideLoop)
        {
            RunInline(itemCount, ref work, cancellationToken);
            return;
        }

        var job = t_job ??= new ParallelJob();
        // The body may live on this thread's stack: workers use it only between Start and Finish, while
        // this frame is alive and the collector knows the slot.
        job.Start(itemCount, Unsafe.AsPointer(ref work), &Invoke<TWork>, cancellationToken);
        foreach (var worker in s_workers)
        {
            if (helpers == 0)
                break;
            if (worker.TryAssign(job))
                helpers--;
        }
        t_insideLoop = true;
        try
        {
            job.Work(worker: 0);
        }
        finally
        {
            t_insideLoop = false;
            job.Finish(s_workers);
        }
        job.ThrowIfFailed();
    }

    internal static void MarkWorkerThread() => t_insideLoop = true;

    private static void RunInline<TWork>(
        int itemCount,
        ref TWork work,
        CancellationToken cancellationToken
    )
        where TWork : struct, ICpuWork
    {
        for (var item = 0; item < itemCount; item++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            work.Execute(item, 0);
        }
    }

    private static void Invoke<TWork>(void* work, int item, int worker)
        where TWork : struct, ICpuWork => Unsafe.AsRef<TWork>(work).Execute(item, worker);

    private static CpuWorker[] CreateWorkers()
    {
        var workers = new CpuWorker[Math.Max(0, Environment.ProcessorCount - 1)];
        for (var i = 0; i < workers.Length; i++)
            workers[i] = new CpuWorker(i);
        return workers;
    }
}
