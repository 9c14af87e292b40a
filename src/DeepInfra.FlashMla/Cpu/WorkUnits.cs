// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla.Cpu;

/// <summary>Units of work in as few items as a loop can count: one per item unless there are more than 2^31-1.</summary>
internal readonly struct WorkUnits(long count)
{
    private readonly long _perItem = 1 + (count - 1) / int.MaxValue;

    /// <summary>Number of units.</summary>
    public long Count { get; } = count;

    /// <summary>Number of items.</summary>
    public int ItemCount => (int)((Count + _perItem - 1) / _perItem);

    /// <summary>The units of an item: from the first up to, but without, the second.</summary>
    public (long First, long End) this[int item] =>
        (item * _perItem, Math.Min(Count, (item + 1) * _perItem));
}
