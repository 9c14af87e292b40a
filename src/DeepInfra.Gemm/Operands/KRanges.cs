// SPDX-License-Identifier: MIT
using DeepInfra.Gemm.Cpu;

namespace DeepInfra.Gemm.Operands;

/// <summary>The ranges of K that belong to the groups.</summary>
internal readonly ref struct KRanges
{
    /// <summary>Start and end of every group, in memory that the calling thread keeps.</summary>
    private readonly ReadOnlySpan<int> _bounds;

    private KRanges(ReadOnlySpan<int> bounds, bool hasGaps)
    {
        _bounds = bounds;
        HasGaps = hasGaps;
    }

    /// <summary>Number of groups.</summary>
    public int Count => _bounds.Length / 2;

    /// <summary>True if groups start at aligned positions and K may be longer than the last end.</summary>
    public bool HasGaps { get; }

    /// <summary>The end of the last group.</summary>
    public int End => _bounds.IsEmpty ? 0 : _bounds[^1];

    public (int Start, int Length) this[int group] =>
        (_bounds[2 * group], _bounds[2 * group + 1] - _bounds[2 * group]);

    /// <summary>Groups one after the other.</summary>
    public static KRanges FromLengths(ReadOnlySpan<int> lengths, int groups)
    {
        if (lengths.Length != groups)
            throw Errors.Argument(
                "ks",
                $"ks: expected {groups} groups as in d, got {lengths.Length}"
            );
        var bounds = Rent(groups);
        var end = 0;
        for (var group = 0; group < groups; group++)
        {
            if (lengths[group] < 0)
                throw Errors.Range("ks", $"ks[{group}]: expected 0 or more, got {lengths[group]}");
            bounds[2 * group] = end;
            end = checked(end + lengths[group]);
            bounds[2 * group + 1] = end;
        }
        return new KRanges(bounds, hasGaps: false);
    }

    /// <summary>Groups that start at aligned positions.</summary>
    public static KRanges FromEnds(ReadOnlySpan<int> ends, int alignment)
    {
        var bounds = Rent(ends.Length);
        long start = 0;
        for (var group = 0; group < ends.Length; group++)
        {
            CheckEnd(ends, group, int.MaxValue);
            bounds[2 * group] = (int)Math.Min(start, ends[group]);
            bounds[2 * group + 1] = ends[group];
            start = OperandReader.DivideUp(ends[group], alignment) * alignment;
        }
        return new KRanges(bounds, hasGaps: true);
    }

    /// <summary>Blocks of a granularity over all groups; every group begins a new block.</summary>
    public long Blocks(int granularity)
    {
        long total = 0;
        for (var group = 0; group < Count; group++)
            total += OperandReader.DivideUp(this[group].Length, granularity);
        return total;
    }

    /// <summary>Checks one end of a prefix-sum layout.</summary>
    public static void CheckEnd(ReadOnlySpan<int> ends, int group, int limit)
    {
        var previous = group == 0 ? 0 : ends[group - 1];
        if (ends[group] < previous || ends[group] > limit)
            throw Errors.Range(
                nameof(PrefixSumLayout.Ends),
                $"Ends[{group}]: expected {previous} to {limit}, got {ends[group]}"
            );
    }

    private static unsafe Span<int> Rent(int groups) =>
        new(CpuScratch.Integers.Rent(2L * groups * sizeof(int)), 2 * groups);
}
