// SPDX-License-Identifier: MIT
namespace DeepInfra.Gemm.Operands;

/// <summary>Makes the segments of a grouped multiplication in memory of the caller.</summary>
internal unsafe ref struct SegmentBuilder
{
    private readonly MatrixOperand _a;
    private readonly ScaleOperand _scalesA;
    private readonly MatrixOperand _b;
    private readonly ScaleOperand _scalesB;
    private readonly OutputOperand _d;
    private readonly GemmSegment* _segments;
    private int _count;

    public SegmentBuilder(
        in MatrixOperand a,
        in ScaleOperand scalesA,
        in MatrixOperand b,
        in ScaleOperand scalesB,
        in OutputOperand d,
        GemmSegment* segments
    )
    {
        _a = a;
        _scalesA = scalesA;
        _b = b;
        _scalesB = scalesB;
        _d = d;
        _segments = segments;
    }

    /// <summary>Checks group ids and counts the runs of equal ones.</summary>
    public static int CountRuns(ReadOnlySpan<int> groups, int groupCount)
    {
        var runs = 0;
        for (var row = 0; row < groups.Length; row++)
        {
            var group = groups[row];
            if (group < -1 || group >= groupCount)
                throw Errors.Range(
                    nameof(MIndicesLayout.Indices),
                    $"Indices[{row}]: expected -1 or a group below {groupCount}, got {group}"
                );
            if (row == 0 || group != groups[row - 1])
                runs++;
        }
        return runs;
    }

    /// <summary>One segment per run of equal group ids; runs of -1 become zero rows.</summary>
    public void AddRuns(ReadOnlySpan<int> groups)
    {
        for (var row = 0; row < groups.Length; )
        {
            var end = row + 1;
            while (end < groups.Length && groups[end] == groups[row])
                end++;
            AddRows(0, groups[row], row, end - row);
            row = end;
        }
    }

    /// <summary>One segment per group from the ends of groups, and one per padded gap if gaps become zero: up to two per group.</summary>
    public void AddRanges(ReadOnlySpan<int> ends, int alignment, bool zeroPadding)
    {
        long start = 0;
        for (var group = 0; group < ends.Length; group++)
        {
            var end = ends[group];
            KRanges.CheckEnd(ends, group, start, _a.Mn);
            if (end > start)
                AddRows(0, group, (int)start, (int)(end - start));
            start = OperandReader.DivideUp(end, alignment) * alignment;
            var paddedEnd = (int)Math.Min(start, _a.Mn);
            if (zeroPadding && paddedEnd > end)
                AddRows(0, -1, end, paddedEnd - end);
        }
    }

    /// <summary>One segment per group: its first rows.</summary>
    public void AddMasked(ReadOnlySpan<int> rows)
    {
        for (var group = 0; group < rows.Length; group++)
        {
            if ((uint)rows[group] > (uint)_a.Mn)
                throw Errors.Range(
                    "maskedM",
                    $"maskedM[{group}]: expected 0 to {_a.Mn}, got {rows[group]}"
                );
            AddRows(group, group, 0, rows[group]);
        }
    }

    /// <summary>One segment per range of K.</summary>
    public void AddKRanges(KRanges ranges, in OutputOperand c)
    {
        long scaleRowA = 0,
            scaleRowB = 0;
        for (var group = 0; group < ranges.Count; group++)
        {
            var (start, k) = ranges[group];
            _segments[_count++] = new GemmSegment
            {
                // Flat operands have no stride of their own: each group is [rows, K of the group].
                A = _a.IsFlat ? _a.Data + _a.Bytes((long)start * _a.Mn) : _a.At(0, 0, start),
                B = _b.IsFlat ? _b.Data + _b.Bytes((long)start * _b.Mn) : _b.At(0, 0, start),
                ScaleA = _scalesA.At(0, 0, scaleRowA),
                ScaleB = _scalesB.At(0, 0, scaleRowB),
                D = _d.At(group, 0),
                C = c.At(group, 0),
                LeadingA = _a.IsFlat ? k : _a.Leading,
                LeadingB = _b.IsFlat ? k : _b.Leading,
                M = _a.Mn,
                K = k,
            };
            scaleRowA += _scalesA.Source.BlocksAlongK(k);
            scaleRowB += _scalesB.Source.BlocksAlongK(k);
        }
    }

    public readonly void Finish(ref GemmProblem problem)
    {
        problem.Segments = _segments;
        problem.SegmentCount = _count;
    }

    private void AddRows(int groupOfRows, int groupOfB, int row, int rows)
    {
        var padding = groupOfB < 0;
        _segments[_count++] = new GemmSegment
        {
            A = _a.At(groupOfRows, row, 0),
            B = padding ? null : _b.At(groupOfB, 0, 0),
            ScaleA = _scalesA.At(groupOfRows, row, 0),
            ScaleB = padding ? null : _scalesB.At(groupOfB, 0, 0),
            D = _d.At(groupOfRows, row),
            LeadingA = _a.Leading,
            LeadingB = _b.Leading,
            M = rows,
            K = padding ? 0 : _a.K,
        };
    }
}
