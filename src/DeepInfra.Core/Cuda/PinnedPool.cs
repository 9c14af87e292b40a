// SPDX-License-Identifier: MIT
using System.Numerics;

namespace DeepInfra.Core.Cuda;

/// <summary>
/// Page-locked blocks for reuse, by size class (powers of two from 4 KiB). Freeing page-locked memory waits for the device,
/// so it happens only when the pool is trimmed. Thread-safe.
/// </summary>
internal static unsafe class PinnedPool
{
    private const int SmallestLog2 = 12;
    private const uint Portable = 1;

    private static readonly Lock s_lock = new();
    private static readonly List<PinnedBlock>[] s_free = CreateClasses();
    private static long s_reserved;
    private static long s_live;

    public static long ReservedBytes => Interlocked.Read(ref s_reserved);

    public static long LiveBytes => Interlocked.Read(ref s_live);

    public static PinnedBlock Rent(long bytes, CudaContext context)
    {
        if (bytes > 1L << 62)
            throw DeviceMemory.OutOfMemory(context, "cuMemHostAlloc", bytes);
        var index = ClassOf(bytes);
        lock (s_lock)
        {
            var blocks = s_free[index];
            for (var i = blocks.Count - 1; i >= 0; i--)
            {
                var block = blocks[i];
                if (!block.IsIdle())
                    continue;
                blocks.RemoveAt(i);
                block.SetInUse(true);
                return block;
            }
        }
        var created = Create(1L << (index + SmallestLog2), context);
        created.SetInUse(true);
        return created;
    }

    public static void Return(PinnedBlock block)
    {
        block.SetInUse(false);
        if (block.IsCaptured)
        {
            // The graphs hold references; the last one to go frees it.
            block.Dispose();
            return;
        }
        block.Mark();
        lock (s_lock)
            s_free[ClassOf(block.Bytes)].Add(block);
    }

    public static void Trim()
    {
        var idle = new List<PinnedBlock>();
        lock (s_lock)
            foreach (var blocks in s_free)
                for (var i = blocks.Count - 1; i >= 0; i--)
                    if (blocks[i].IsIdle())
                    {
                        idle.Add(blocks[i]);
                        blocks.RemoveAt(i);
                    }
        foreach (var block in idle)
            block.Dispose();
    }

    public static void AddReserved(long bytes) => Interlocked.Add(ref s_reserved, bytes);

    public static void AddLive(long bytes) => Interlocked.Add(ref s_live, bytes);

    private static PinnedBlock Create(long bytes, CudaContext context)
    {
        using var scope = context.Enter();
        void* address = null;
        var status = context.Api.MemHostAlloc(&address, (nuint)bytes, Portable);
        if (status == CudaErrorCode.OutOfMemory)
        {
            Trim();
            status = context.Api.MemHostAlloc(&address, (nuint)bytes, Portable);
        }
        if (status == CudaErrorCode.OutOfMemory)
            throw DeviceMemory.OutOfMemory(context, "cuMemHostAlloc", bytes);
        context.Check(status, "cuMemHostAlloc");
        return new PinnedBlock(context, address, bytes);
    }

    private static int ClassOf(long bytes)
    {
        var size = (ulong)Math.Max(bytes, 1L << SmallestLog2);
        return BitOperations.Log2(BitOperations.RoundUpToPowerOf2(size)) - SmallestLog2;
    }

    private static List<PinnedBlock>[] CreateClasses()
    {
        var classes = new List<PinnedBlock>[63 - SmallestLog2];
        for (var i = 0; i < classes.Length; i++)
            classes[i] = [];
        return classes;
    }
}
