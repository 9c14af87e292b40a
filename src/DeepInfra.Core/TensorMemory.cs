// SPDX-License-Identifier: MIT
namespace DeepInfra.Core;

/// <summary>Live counters of tensor memory, for leak tests and diagnostics. Thread-safe.</summary>
public static class TensorMemory
{
    private static long s_liveBytes;
    private static long s_liveCount;

    /// <summary>Bytes that tensors hold now, wrapped foreign memory included.</summary>
    public static long LiveBytes => Interlocked.Read(ref s_liveBytes);

    /// <summary>Allocations that tensors hold now.</summary>
    public static long LiveCount => Interlocked.Read(ref s_liveCount);

    internal static void Add(long bytes)
    {
        Interlocked.Add(ref s_liveBytes, bytes);
        Interlocked.Increment(ref s_liveCount);
    }

    internal static void Remove(long bytes)
    {
        Interlocked.Add(ref s_liveBytes, -bytes);
        Interlocked.Decrement(ref s_liveCount);
    }
}
