// SPDX-License-Identifier: MIT
using System.Numerics;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>Finds slots that occur twice, which two threads would write at the same time.</summary>
internal static unsafe class DistinctSlots
{
    /// <summary>Looks for a repeated slot; negative slots do not count.</summary>
    /// <param name="slots">The slots.</param>
    /// <param name="count">Number of slots.</param>
    /// <returns>The indices of the repetition and of the slot it repeats, or (-1, -1).</returns>
    /// <remarks>A hash table of at most half its capacity in working memory: some nanoseconds per slot.</remarks>
    public static (int Repeated, int Original) Find(int* slots, int count)
    {
        if (count < 2)
            return (-1, -1);
        var bits = 1 + BitOperations.Log2((ulong)count * 2 - 1);
        var capacity = 1L << bits;
        using var memory = KernelScratch.Rent(capacity * sizeof(int));
        // Index + 1 of the slot that took the entry.
        var table = (int*)memory.Pointer;
        for (long i = 0; i < capacity; i += 1 << 20)
            new Span<int>(table + i, (int)Math.Min(1 << 20, capacity - i)).Clear();
        for (var i = 0; i < count; i++)
        {
            if (slots[i] < 0)
                continue;
            // Fibonacci hashing: consecutive slots spread over the table.
            var entry = (long)((ulong)slots[i] * 0x9E3779B97F4A7C15 >> (64 - bits));
            for (; table[entry] != 0; entry = (entry + 1) & (capacity - 1))
                if (slots[table[entry] - 1] == slots[i])
                    return (i, table[entry] - 1);
            table[entry] = i + 1;
        }
        return (-1, -1);
    }
}
