// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Gemm.Cpu;

/// <summary>
/// A tile of few rows: decodes A once and streams the rows of B, which then come from memory exactly once and
/// are never written decoded.
/// </summary>
internal readonly unsafe ref struct StreamTask(
    GemmProblem* problem,
    GemmSegment* segment,
    int column,
    int columns
)
{
    /// <summary>True for segments with few rows whose operands have K contiguous and the same element type.</summary>
    public static bool Applies(GemmProblem* problem, GemmSegment* segment) =>
        segment->M <= TileShape.MaxStreamRows
        && segment->K > 0
        && problem->KMajorA
        && problem->KMajorB
        && problem->KindA == problem->KindB
        && problem->KindA is ElementKind.Float8E4M3 or ElementKind.BFloat16
        && problem->ScaleStep % TileShape.StreamChunk == 0
        && (long)segment->M * segment->K <= TileShape.MaxStreamElements;

    public void Execute<TKernel>()
        where TKernel : struct, IPanelKernel
    {
        var rows = segment->M;
        var k = segment->K;
        var kind = problem->KindA;
        var elementBytes = kind == ElementKind.BFloat16 ? 2 : 1;
        var leadingA =
            (k + TileShape.StreamChunk - 1) / TileShape.StreamChunk * TileShape.StreamChunk;
        var step = problem->ScaleStep;
        var blocks = (k + step - 1) / step;
        // With one scale per row of B, a chunk of rows has its scales side by side; else all rows of a block share them.
        var granularity = problem->ScaleB.Kind == ScaleKind.None ? columns : problem->ScaleB.GranMn;
        var chunk = granularity == 1 ? Math.Min(columns, 16) : Math.Min(columns, granularity);
        using var memory = CpuScratch.Rent(
            (nuint)(rows * (leadingA + blocks + columns) + chunk * blocks) * sizeof(float)
        );
        var decoded = (float*)memory.Pointer;
        var scaleA = decoded + rows * leadingA;
        var scaleB = scaleA + rows * blocks;
        var result = scaleB + chunk * blocks;
        for (var row = 0; row < rows; row++)
        {
            TKernel.DecodeForStream(
                kind,
                segment->A + row * segment->LeadingA * elementBytes,
                k,
                decoded + row * leadingA
            );
            for (var block = 0; block < blocks; block++)
                scaleA[row * blocks + block] = problem->ScaleA.Read(
                    segment->ScaleA,
                    row,
                    block * step / problem->ScaleA.GranK
                );
        }
        var arguments = new StreamArguments
        {
            Kind = kind,
            LeadingA = leadingA,
            LeadingB = segment->LeadingB * elementBytes,
            K = k,
            ScaleStep = step,
            ScaleB = scaleB,
            Blocks = blocks,
            LeadingScaleB = granularity == 1 ? blocks : 0,
            LeadingResult = columns,
        };
        for (int done = 0, count; done < columns; done += count)
        {
            var first = column + done;
            count = Math.Min(columns - done, chunk);
            if (granularity > 1)
                count = Math.Min(count, granularity - first % granularity);
            FillScales(first, granularity == 1 ? count : 1, blocks, step, scaleB);
            for (var row = 0; row < rows; row += TileShape.StreamRows)
            {
                arguments.A = decoded + row * leadingA;
                arguments.Rows = Math.Min(TileShape.StreamRows, rows - row);
                arguments.B = segment->B + first * arguments.LeadingB;
                arguments.Columns = count;
                arguments.ScaleA = scaleA + row * blocks;
                arguments.Result = result + row * columns + done;
                TKernel.Stream(ref arguments);
            }
        }
        Epilogue.Write(problem, segment, result, columns, 0, rows, column, columns);
    }

    /// <summary>Copies the last, short chunks of rows of B so that they can be read as whole ones.</summary>
    /// <param name="p">K and the rows.</param>
    /// <param name="elementBytes">Bytes per element.</param>
    /// <param name="n">First row.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="target">Room for <see cref="TileShape.StreamTailBytes"/> per row; unchanged if no chunk is short.</param>
    public static void CopyTails(
        in StreamArguments p,
        int elementBytes,
        int n,
        int rows,
        byte* target
    )
    {
        var tail = p.K % TileShape.StreamChunk;
        if (tail == 0)
            return;
        var bytes = tail * elementBytes;
        var source = p.B + n * p.LeadingB + (nint)(p.K - tail) * elementBytes;
        new Span<byte>(target, rows * TileShape.StreamTailBytes).Clear();
        for (var row = 0; row < rows; row++)
            new ReadOnlySpan<byte>(source + row * p.LeadingB, bytes).CopyTo(
                new Span<byte>(target + row * TileShape.StreamTailBytes, bytes)
            );
    }

    private void FillScales(int first, int count, int blocks, int step, float* target)
    {
        for (var i = 0; i < count; i++)
        for (var block = 0; block < blocks; block++)
            target[i * blocks + block] = problem->ScaleB.Read(
                segment->ScaleB,
                first + i,
                block * step / problem->ScaleB.GranK
            );
    }
}
