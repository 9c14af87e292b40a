// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace DeepInfra.Headlines.Ceilings;

/// <summary>
/// The rate at which this machine reads memory that no cache holds: every thread sums its own part of a
/// large buffer. The ceiling of every memory-bound CPU kernel.
/// </summary>
internal static unsafe class ReadBandwidth
{
    private static ulong s_sink;

    /// <summary>GB/s (10^9 bytes) of all threads together: the best of several passes.</summary>
    /// <param name="threads">Threads that run at once; 0 means every core.</param>
    /// <param name="bytes">Size of the buffer; far above the last-level cache.</param>
    /// <param name="repetitions">Timed passes.</param>
    public static double MeasureGigabytesPerSecond(
        int threads = 0,
        long bytes = 256L << 20,
        int repetitions = 7
    )
    {
        if (threads == 0)
            threads = Environment.ProcessorCount;
        var share = bytes / threads / 4096 * 4096;
        var buffer = (byte*)NativeMemory.AlignedAlloc((nuint)(share * threads), 4096);
        try
        {
            // Distinct contents: untouched pages would all map to one page of zeros.
            for (long i = 0; i < share * threads; i += 8)
                *(long*)(buffer + i) = i;
            var best = 0.0;
            for (var pass = 0; pass < repetitions; pass++)
            {
                var seconds = ThreadGang.Time(
                    threads,
                    t => s_sink = Sum(buffer + t * share, share)
                );
                best = Math.Max(best, share * threads / seconds / 1e9);
            }
            return best;
        }
        finally
        {
            NativeMemory.AlignedFree(buffer);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static ulong Sum(byte* data, long bytes)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Vector512<ulong> s0 = default,
                s1 = default,
                s2 = default,
                s3 = default;
            for (long i = 0; i < bytes; i += 256)
            {
                s0 ^= Vector512.Load((ulong*)(data + i));
                s1 ^= Vector512.Load((ulong*)(data + i + 64));
                s2 ^= Vector512.Load((ulong*)(data + i + 128));
                s3 ^= Vector512.Load((ulong*)(data + i + 192));
            }
            return Vector512.Sum(s0 ^ s1 ^ s2 ^ s3);
        }
        Vector256<ulong> t0 = default,
            t1 = default,
            t2 = default,
            t3 = default;
        for (long i = 0; i < bytes; i += 128)
        {
            t0 ^= Vector256.Load((ulong*)(data + i));
            t1 ^= Vector256.Load((ulong*)(data + i + 32));
            t2 ^= Vector256.Load((ulong*)(data + i + 64));
            t3 ^= Vector256.Load((ulong*)(data + i + 96));
        }
        return Vector256.Sum(t0 ^ t1 ^ t2 ^ t3);
    }
}
