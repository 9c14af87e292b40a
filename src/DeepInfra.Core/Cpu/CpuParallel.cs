// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.Core.Cpu;

/// <summary>
/// Runs loops of independent items on a shared pool of threads, one per core; a larger degree of parallelism
/// grows the pool. It allocates nothing when warm, never nests (a loop started inside a loop runs on its own
/// thread), and when the pool is busy with other callers the calling thread simply does the work itself, so that
/// many callers do not oversubscribe the machine. Items are claimed dynamically; which thread runs an item never
/// changes the result as long as items are disjoint. Thread-safe.
/// </summary>
public static unsafe class CpuParallel
{
    /// <summary>Most threads that one loop can use.</summary>
    public const int MaxThreads = 256;

    private static readonly Lock s_growing = new();
    private static CpuWorker[] s_workers = [];

    [ThreadStatic]
    private static ParallelJob? t_job;

    [ThreadStatic]
    private static bool t_insideLoop;

    /// <summary>Executes items 0 to <paramref name="itemCount"/> - 1 and returns when all are done.</summary>
    /// <typeparam name="TWork">The loop body.</typeparam>
    /// <param name="itemCount">Number of items; 0 does nothing.</param>
    /// <param name="work">The body; every thread uses this one instance.</param>
    /// <param name="maxDegreeOfParallelism">Most threads to use, at least 1; more than <see cref="MaxThreads"/> mean so many.</param>
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
        var helpers = Math.Min(Math.Min(maxDegreeOfParallelism, itemCount), MaxThreads) - 1;
        if (helpers <= 0 || t_insideLoop)
        {
            RunInline(itemCount, ref work, cancellationToken);
            return;
        }

        var workers = GetWorkers(helpers);
        var job = t_job ??= new ParallelJob();
        // Pinned, because the caller's body may be part of an object. References inside it stay known to the
        // collector, which sees them in the object or on this thread's stack.
#pragma warning disable CS8500
        fixed (TWork* body = &work)
#pragma warning restore CS8500
        {
            job.Start(itemCount, body, &Invoke<TWork>, cancellationToken);
            foreach (var worker in workers)
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
                job.Finish(workers);
            }
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

    private static CpuWorker[] GetWorkers(int count)
    {
        var workers = Volatile.Read(ref s_workers);
        return workers.Length >= count ? workers : Grow(count);
    }

    private static CpuWorker[] Grow(int count)
    {
        lock (s_growing)
        {
            var workers = s_workers;
            if (workers.Length >= count)
                return workers;
            count = Math.Max(count, Environment.ProcessorCount - 1);
            var grown = new CpuWorker[count];
            workers.CopyTo(grown, 0);
            for (var i = workers.Length; i < count; i++)
                grown[i] = new CpuWorker(i);
            Volatile.Write(ref s_workers, grown);
            return grown;
        }
    }
}
