// SPDX-License-Identifier: MIT
namespace DeepInfra.Testing;

/// <summary>
/// Managed bytes that warm code allocates. Code is warm when the runtime has optimised it (first-tier
/// code boxes, and is replaced some 100 ms after its thirtieth call) and when its pools have grown to
/// the largest need, which may depend on how threads meet. So one window of many calls without an
/// allocation proves that the calls allocate nothing; code that allocates per call has no such window.
/// </summary>
public static class AllocationMeasure
{
    private const int MaxWindows = 40;
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Bytes that <paramref name="calls"/> consecutive calls allocate on this thread once warm.</summary>
    /// <param name="call">What is measured; runs on the calling thread.</param>
    /// <param name="calls">Calls in a window.</param>
    /// <returns>The least of up to 40 windows; 0 as soon as one allocated nothing.</returns>
    public static long OfWarm(Action call, int calls = 50)
    {
        var least = long.MaxValue;
        for (var window = 0; window < MaxWindows && least > 0; window++)
        {
            if (window > 0)
                Thread.Sleep(s_pause);
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < calls; i++)
                call();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return least;
    }

    /// <summary>
    /// The same for threads that work together: all measure the same windows and a window counts only
    /// if none of them allocated.
    /// </summary>
    /// <param name="threads">How many threads call <see cref="Together.Run"/>.</param>
    /// <returns>What each of the threads calls <see cref="Together.Run"/> on.</returns>
    public static Together OfThreads(int threads) => new(threads);

    /// <summary>Windows measured by several threads at once.</summary>
    public sealed class Together : IDisposable
    {
        private readonly Barrier _barrier;
        private long _window;

        internal Together(int threads) =>
            _barrier = new Barrier(
                threads,
                _ =>
                {
                    Least = Math.Min(Least, _window);
                    _window = 0;
                }
            );

        /// <summary>Bytes of the best window, summed over the threads.</summary>
        public long Least { get; private set; } = long.MaxValue;

        /// <summary>Takes part in the windows; returns when one allocated nothing or the last has passed.</summary>
        /// <param name="call">This thread's share of a round.</param>
        /// <param name="calls">Rounds in a window.</param>
        public void Run(Action call, int calls = 50)
        {
            for (var window = 0; window < MaxWindows && Least > 0; window++)
            {
                if (window > 0)
                    Thread.Sleep(s_pause);
                var before = GC.GetAllocatedBytesForCurrentThread();
                for (var i = 0; i < calls; i++)
                    call();
                Interlocked.Add(ref _window, GC.GetAllocatedBytesForCurrentThread() - before);
                _barrier.SignalAndWait(TimeSpan.FromMinutes(1));
            }
        }

        /// <inheritdoc/>
        public void Dispose() => _barrier.Dispose();
    }
}
