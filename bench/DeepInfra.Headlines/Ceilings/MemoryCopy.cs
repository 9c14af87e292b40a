// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Headlines.Ceilings;

/// <summary>The rate of the runtime's memory copy between buffers that no cache holds.</summary>
internal static unsafe class MemoryCopy
{
    /// <summary>GB/s (10^9 bytes copied, each counted once) of all threads together: the best of several passes.</summary>
    /// <param name="threads">Threads that run at once; 0 means every core.</param>
    /// <param name="bytes">Bytes copied per pass; far above the last-level cache.</param>
    /// <param name="repetitions">Timed passes.</param>
    public static double MeasureGigabytesPerSecond(
        int threads = 0,
        long bytes = 128L << 20,
        int repetitions = 7
    )
    {
        if (threads == 0)
            threads = Environment.ProcessorCount;
        var share = bytes / threads / 4096 * 4096;
        var source = (byte*)NativeMemory.AlignedAlloc((nuint)(share * threads), 4096);
        var target = (byte*)NativeMemory.AlignedAlloc((nuint)(share * threads), 4096);
        try
        {
            // Distinct contents: untouched pages would all map to one page of zeros.
            for (long i = 0; i < share * threads; i += 8)
                *(long*)(source + i) = i;
            Buffer.MemoryCopy(source, target, share * threads, share * threads);
            var best = 0.0;
            for (var pass = 0; pass < repetitions; pass++)
            {
                var seconds = ThreadGang.Time(
                    threads,
                    t => Buffer.MemoryCopy(source + t * share, target + t * share, share, share)
                );
                best = Math.Max(best, share * threads / seconds / 1e9);
            }
            return best;
        }
        finally
        {
            NativeMemory.AlignedFree(source);
            NativeMemory.AlignedFree(target);
        }
    }
}
