// SPDX-License-Identifier: MIT
namespace DeepInfra.Gemm.Operands;

/// <summary>The ranges of K that belong to the groups.</summary>
internal readonly ref struct KRanges
{
    /// <summary>Start and end of every group.</summary>
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
    /// <param name="lengths">K of every group.</param>
    /// <param name="groups">Groups to expect.</param>
    /// <param name="bounds">Room for two numbers per group.</param>
    public static KRanges FromLengths(ReadOnlySpan<int> lengths, int groups, Span<int> bounds)
    {
        if (lengths.Length != groups)
            throw Errors.Argument(
                "ks",
                $"ks: expected {groups} groups as in d, got {lengths.Length}"
            );
        long end = 0;
        for (var group = 0; group < groups; group++)
        {
            if (lengths[group] < 0)
                throw Errors.Range("ks", $"ks[{group}]: expected 0 or more, got {lengths[group]}");
            bounds[2 * group] = (int)end;
            end += lengths[group];
            if (end > int.MaxValue)
                throw Errors.Range(
                    "ks",
                    $"ks[{group}]: expected a sum of at most {int.MaxValue}, got {end}"
                );
            bounds[2 * group + 1] = (int)end;
        }
        return new KRanges(bounds, hasGaps: false);
    }

    /// <summary>Groups that start at aligned positions.</summary>
    /// <param name="ends">The end of every group.</param>
    /// <param name="alignment">Of the starts.</param>
    /// <param name="bounds">Room for two numbers per group.</param>
    public static KRanges FromEnds(ReadOnlySpan<int> ends, int alignment, Span<int> bounds)
    {
        long start = 0;
        for (var group = 0; group < ends.Length; group++)
        {
            CheckEnd(ends, group, start, int.MaxValue);
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

    /// <summary>
    /// Checks one end of a prefix-sum layout: at or behind the aligned start of the group, or, if the group is empty, at the end of
    /// the one before. An end between the two would silently drop rows.
    /// </summary>
    /// <param name="ends">The ends.</param>
    /// <param name="group">Which one.</param>
    /// <param name="start">The aligned start of the group.</param>
    /// <param name="limit">Largest end.</param>
    public static void CheckEnd(ReadOnlySpan<int> ends, int group, long start, int limit)
    {
        var previous = group == 0 ? 0 : ends[group - 1];
        var end = ends[group];
        if (end > limit || (end < start && end != previous))
            throw Errors.Range(
                nameof(PrefixSumLayout.Ends),
                start <= previous ? $"Ends[{group}]: expected {previous} to {limit}, got {end}"
                    : start <= limit
                        ? $"Ends[{group}]: expected {previous}, or {start} to {limit}, got {end}"
                    : $"Ends[{group}]: expected {previous}, because the group would start at {start} and the limit is {limit}, got {end}"
            );
    }
}
