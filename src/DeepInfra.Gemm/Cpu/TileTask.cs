// SPDX-License-Identifier: MIT
using System.Runtime.Intrinsics.X86;
using DeepInfra.Core.Cpu;
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Gemm.Cpu;

/// <summary>One tile of the result: packs what it needs of A and B per K block, accumulates in binary32, writes D once.</summary>
internal unsafe ref struct TileTask
{
    /// <summary>A row of expanded codes, one panel deep.</summary>
    private const int ExpandedRowBytes = TileShape.Depth * sizeof(ushort);

    private readonly GemmProblem* _problem;
    private readonly GemmSegment* _segment;
    private readonly int _row;
    private readonly int _rows;
    private readonly int _column;
    private readonly int _columns;

    private byte* _packedA;
    private byte* _packedB;
    private byte* _stage;
    private float* _tiles;
    private float* _scaleA;
    private float* _scaleB;
    private byte* _codes;

    public TileTask(
        GemmProblem* problem,
        GemmSegment* segment,
        int row,
        int rows,
        int column,
        int columns
    )
    {
        _problem = problem;
        _segment = segment;
        _row = row;
        _rows = rows;
        _column = column;
        _columns = columns;
    }

    public void Execute<TKernel>()
        where TKernel : struct, IPanelKernel
    {
        if (TKernel.CanStream && StreamTask.Applies(_problem, _segment))
        {
            new StreamTask(_problem, _segment, _column, _columns).Execute<TKernel>();
            return;
        }
        var rowPanels = (_rows + TKernel.MaxRows - 1) / TKernel.MaxRows;
        var columnPanels = (_columns + TKernel.Columns - 1) / TKernel.Columns;
        using var memory = CpuScratch.Rent(Plan<TKernel>(rowPanels, columnPanels, null));
        Plan<TKernel>(rowPanels, columnPanels, memory.Pointer);
        var k = _segment->K;
        for (var start = 0; start < k; start += TileShape.Depth)
            Accumulate<TKernel>(
                start,
                Math.Min(TileShape.Depth, k - start),
                rowPanels,
                columnPanels
            );
        if (k == 0)
            WriteZeros<TKernel>(rowPanels, columnPanels);
    }

    /// <summary>Divides the memory of the task and returns its size.</summary>
    private nuint Plan<TKernel>(int rowPanels, int columnPanels, byte* memory)
        where TKernel : struct, IPanelKernel
    {
        const int MaxSubBlocks = TileShape.Depth / 32;
        var panelB = TileShape.Depth * TKernel.Columns * TKernel.ElementBytes;
        var tiles = rowPanels * columnPanels * TKernel.MaxRows * TKernel.Columns;
        _packedA = memory;
        _packedB = _packedA + rowPanels * PanelBytesA<TKernel>();
        _stage = _packedB + panelB;
        _tiles = (float*)(_stage + panelB);
        _scaleA = _tiles + tiles;
        _scaleB = _scaleA + MaxSubBlocks * TileShape.MaxTaskRows;
        _codes = (byte*)(_scaleB + MaxSubBlocks * columnPanels * TKernel.Columns);
        var end = _codes;
        if (IsExpanded(_problem->KindA) || IsExpanded(_problem->KindB))
            end +=
                Math.Max(TileShape.Depth, Math.Max(_rows, TKernel.Columns)) * ExpandedRowBytes
                + ExpandedRowBytes;
        return (nuint)(end - memory);
    }

    private void Accumulate<TKernel>(int start, int depth, int rowPanels, int columnPanels)
        where TKernel : struct, IPanelKernel
    {
        PackA<TKernel>(start, depth, rowPanels);
        var step = Math.Min(_problem->ScaleStep, TileShape.Depth);
        FillScales<TKernel>(start, depth, step, columnPanels);
        var scaleColumns = columnPanels * TKernel.Columns;
        var product = new PanelProduct
        {
            A = _packedA,
            B = _packedB,
            ScaleA = _scaleA,
            ScaleColumns = scaleColumns,
            Rows = _rows,
            RowPanels = rowPanels,
            RowMajor = _problem->KMajorA,
            Depth = depth,
            Step = step,
            First = start == 0,
        };
        for (var j = 0; j < columnPanels; j++)
        {
            PackB<TKernel>(start, depth, j);
            PrefetchNext<TKernel>(start, depth, j, columnPanels);
            product.Tiles = Tile<TKernel>(0, j, rowPanels);
            product.ScaleB = _scaleB + j * TKernel.Columns;
            TKernel.Multiply(in product);
            if (start + depth == _segment->K)
                Write<TKernel>(rowPanels, j);
        }
    }

    private readonly int FirstRow(int panel, int panels) =>
        PanelProduct.FirstRow(_rows, panel, panels);

    private static int PanelBytesA<TKernel>()
        where TKernel : struct, IPanelKernel =>
        TileShape.Depth * TileShape.ColumnPanelStride * TKernel.ElementBytes;

    private readonly float* Tile<TKernel>(int rowPanel, int columnPanel, int rowPanels)
        where TKernel : struct, IPanelKernel =>
        _tiles + (nint)(columnPanel * rowPanels + rowPanel) * TKernel.MaxRows * TKernel.Columns;

    private readonly void PackA<TKernel>(int start, int depth, int rowPanels)
        where TKernel : struct, IPanelKernel
    {
        var kind = _problem->KindA;
        var leading = _segment->LeadingA;
        if (_problem->KMajorA)
        {
            var source = Address(kind, _segment->A, _row * leading + start);
            var leadingBytes = Bytes(kind, leading);
            Expand(ref kind, ref source, ref leadingBytes, _rows, depth);
            TKernel.PackRows(kind, source, leadingBytes, _rows, depth, _packedA);
            return;
        }
        for (var i = 0; i < rowPanels; i++)
        {
            var first = FirstRow(i, rowPanels);
            var rows = FirstRow(i + 1, rowPanels) - first;
            PackColumns<TKernel>(
                kind,
                _segment->A,
                leading,
                start,
                depth,
                _row + first,
                rows,
                _packedA + i * PanelBytesA<TKernel>(),
                TileShape.ColumnPanelStride
            );
        }
    }

    private readonly void PackB<TKernel>(int start, int depth, int panel)
        where TKernel : struct, IPanelKernel
    {
        var kind = _problem->KindB;
        var leading = _segment->LeadingB;
        var column = _column + panel * TKernel.Columns;
        var columns = Math.Min(TKernel.Columns, _column + _columns - column);
        if (!_problem->KMajorB)
        {
            PackColumns<TKernel>(
                kind,
                _segment->B,
                leading,
                start,
                depth,
                column,
                columns,
                _packedB,
                TKernel.Columns
            );
            return;
        }
        var source = Address(kind, _segment->B, column * leading + start);
        var leadingBytes = Bytes(kind, leading);
        Expand(ref kind, ref source, ref leadingBytes, columns, depth);
        TKernel.PackTransposed(kind, source, leadingBytes, columns, depth, _packedB, _stage);
    }

    private readonly void PackColumns<TKernel>(
        ElementKind kind,
        byte* data,
        long leading,
        int start,
        int depth,
        int mn,
        int width,
        byte* target,
        int stride
    )
        where TKernel : struct, IPanelKernel
    {
        // An FP4 run starts at an even index; an odd first column decodes one code more and drops it.
        var skip = kind == ElementKind.Float4E2M1 ? mn & 1 : 0;
        var source = Address(kind, data, start * leading + mn - skip);
        var leadingBytes = Bytes(kind, leading);
        Expand(ref kind, ref source, ref leadingBytes, depth, width + skip);
        source += skip;
        TKernel.PackColumns(kind, source, leadingBytes, width, depth, target, stride, _stage);
    }

    /// <summary>Replaces codes that the kernels do not read by longer ones in scratch memory.</summary>
    private readonly void Expand(
        ref ElementKind kind,
        ref byte* source,
        ref long leadingBytes,
        int rows,
        int count
    )
    {
        if (!IsExpanded(kind))
            return;
        for (var row = 0; row < rows; row++)
        {
            var from = source + row * leadingBytes;
            var to = _codes + row * ExpandedRowBytes;
            if (kind == ElementKind.Float4E2M1)
                CodeExpander.Fp4(from, to, count);
            else
                CodeExpander.E5M2(from, (ushort*)to, count);
        }
        kind = kind == ElementKind.Float4E2M1 ? ElementKind.Float8E4M3 : ElementKind.BFloat16;
        source = _codes;
        leadingBytes = ExpandedRowBytes;
    }

    private static bool IsExpanded(ElementKind kind) =>
        kind is ElementKind.Float4E2M1 or ElementKind.Float8E5M2;

    private readonly void FillScales<TKernel>(int start, int depth, int step, int columnPanels)
        where TKernel : struct, IPanelKernel
    {
        var scaleColumns = columnPanels * TKernel.Columns;
        for (int k = 0, block = 0; k < depth; k += step, block++)
        {
            _problem->ScaleA.Fill(
                _segment->ScaleA,
                _row,
                (start + k) / _problem->ScaleA.GranK,
                _scaleA + block * TileShape.MaxTaskRows,
                _rows
            );
            _problem->ScaleB.Fill(
                _segment->ScaleB,
                _column,
                (start + k) / _problem->ScaleB.GranK,
                _scaleB + block * scaleColumns,
                _columns
            );
        }
    }

    /// <summary>
    /// Asks for what will be packed next while the current panel is multiplied: the next panel of B, and a share of the
    /// next K block of A. Both are short runs far apart, which hardware prefetchers do not follow.
    /// </summary>
    private readonly void PrefetchNext<TKernel>(int start, int depth, int panel, int panels)
        where TKernel : struct, IPanelKernel
    {
        if (!Sse.IsSupported)
            return;
        var nextStart = start + depth;
        var nextDepth = Math.Min(TileShape.Depth, _segment->K - nextStart);
        var lastPanel = panel + 1 == panels;
        if (!lastPanel || nextDepth > 0)
        {
            var column = _column + (lastPanel ? 0 : panel + 1) * TKernel.Columns;
            Prefetch(
                _problem->KindB,
                _problem->KMajorB,
                _segment->B,
                _segment->LeadingB,
                column,
                Math.Min(TKernel.Columns, _column + _columns - column),
                lastPanel ? nextStart : start,
                lastPanel ? nextDepth : depth
            );
        }
        if (nextDepth <= 0)
            return;
        var first = _rows * panel / panels;
        Prefetch(
            _problem->KindA,
            _problem->KMajorA,
            _segment->A,
            _segment->LeadingA,
            _row + first,
            _rows * (panel + 1) / panels - first,
            nextStart,
            nextDepth
        );
    }

    private static void Prefetch(
        ElementKind kind,
        bool kMajor,
        byte* data,
        long leading,
        int mn,
        int mnCount,
        int k,
        int kCount
    )
    {
        var (run, runs, offset) = kMajor
            ? (kCount, mnCount, mn * leading + k)
            : (mnCount, kCount, k * leading + mn);
        var source = Address(kind, data, offset);
        var bytes = Bytes(kind, run);
        var step = Bytes(kind, leading);
        for (; runs > 0; runs--, source += step)
        for (long i = 0; i < bytes; i += 64)
            Sse.Prefetch1(source + i);
    }

    /// <summary>Writes the finished tiles of a column panel while they are in a near cache.</summary>
    private readonly void Write<TKernel>(int rowPanels, int columnPanel)
        where TKernel : struct, IPanelKernel
    {
        var column = columnPanel * TKernel.Columns;
        for (var i = 0; i < rowPanels; i++)
        {
            var first = FirstRow(i, rowPanels);
            Epilogue.Write(
                _problem,
                _segment,
                Tile<TKernel>(i, columnPanel, rowPanels),
                TKernel.Columns,
                _row + first,
                FirstRow(i + 1, rowPanels) - first,
                _column + column,
                Math.Min(TKernel.Columns, _columns - column)
            );
        }
    }

    private readonly void WriteZeros<TKernel>(int rowPanels, int columnPanels)
        where TKernel : struct, IPanelKernel
    {
        for (var j = 0; j < columnPanels; j++)
        {
            new Span<float>(
                Tile<TKernel>(0, j, rowPanels),
                rowPanels * TKernel.MaxRows * TKernel.Columns
            ).Clear();
            Write<TKernel>(rowPanels, j);
        }
    }

    private static byte* Address(ElementKind kind, byte* data, long element) =>
        data + Bytes(kind, element);

    private static long Bytes(ElementKind kind, long elements) =>
        kind switch
        {
            ElementKind.BFloat16 => elements * 2,
            ElementKind.Float4E2M1 => elements / 2,
            _ => elements,
        };
}
