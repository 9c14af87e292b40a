// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Cpu;
using DeepInfra.Gemm.Interop;
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Gemm.Cpu;

/// <summary>
/// Cuts a multiplication into tasks, one tile of one segment each, and runs them on the shared threads. A task sums
/// over all of K, so a result does not depend on how tasks are cut or which thread runs them.
/// </summary>
internal static unsafe class CpuGemm
{
    /// <summary>Below this much work waking another thread costs more than it saves.</summary>
    private const long ParallelFlops = 2_000_000;

    /// <summary>Reading a weight takes about as long as this many operations on it: few rows are bound by memory.</summary>
    private const int FlopsPerWeight = 5;

    /// <summary>Tasks per thread to aim at, so that threads end at about the same time.</summary>
    private const int TasksPerThread = 4;

    private const int MinTaskColumns = 64;

    public static void Run(
        ref GemmProblem problem,
        GemmOptions gemm,
        CancellationToken cancellationToken
    )
    {
        var options = gemm.Cpu;
        var usesPairs = GemmCpuLibrary.Uses(gemm);
        switch (options.Tier)
        {
            case SimdTier.V512 when usesPairs:
                Run<PairPanels>(ref problem, options, cancellationToken);
                break;
            case SimdTier.V512:
                Run<FloatPanels<Kernel512>>(ref problem, options, cancellationToken);
                break;
            case SimdTier.V256:
                Run<FloatPanels<Kernel256>>(ref problem, options, cancellationToken);
                break;
            case SimdTier.V128:
                Run<FloatPanels<Kernel128>>(ref problem, options, cancellationToken);
                break;
            default:
                Run<FloatPanels<KernelScalar>>(ref problem, options, cancellationToken);
                break;
        }
    }

    private static void Run<TKernel>(
        ref GemmProblem problem,
        CpuBackendOptions options,
        CancellationToken cancellationToken
    )
        where TKernel : struct, IPanelKernel
    {
        var threads = Work(in problem) < ParallelFlops ? 1 : options.MaxDegreeOfParallelism;
        Cut(ref problem, threads, TKernel.Columns);
        var work = new TileWork<TKernel>((GemmProblem*)Unsafe.AsPointer(ref problem));
        CpuParallel.Run(problem.TaskCount, ref work, threads, cancellationToken);
    }

    private static long Work(in GemmProblem problem)
    {
        long work = 0;
        for (var i = 0; i < problem.SegmentCount; i++)
        {
            ref var segment = ref problem.Segments[i];
            if (segment.M > 0)
                work += Math.Max(2L * segment.M, FlopsPerWeight) * segment.K * problem.N;
        }
        return work;
    }

    private static void Cut(ref GemmProblem problem, int threads, int columnGranularity)
    {
        var rowTiles = 0;
        for (var i = 0; i < problem.SegmentCount; i++)
        {
            ref var segment = ref problem.Segments[i];
            segment.RowTiles = (segment.M + TileShape.MaxTaskRows - 1) / TileShape.MaxTaskRows;
            segment.RowTile =
                segment.RowTiles == 0 ? 0 : (segment.M + segment.RowTiles - 1) / segment.RowTiles;
            rowTiles += segment.RowTiles;
        }
        var columns = TileShape.MaxTaskColumns;
        if (threads > 1 && rowTiles > 0)
        {
            var wanted = (threads * TasksPerThread + rowTiles - 1) / rowTiles;
            columns = Math.Clamp((problem.N + wanted - 1) / wanted, MinTaskColumns, columns);
        }
        columns = Math.Min(columns, problem.N);
        problem.ColumnTiles = (problem.N + columns - 1) / columns;
        columns = (problem.N + problem.ColumnTiles - 1) / problem.ColumnTiles;
        problem.ColumnTile =
            (columns + columnGranularity - 1) / columnGranularity * columnGranularity;
        problem.ColumnTiles = (problem.N + problem.ColumnTile - 1) / problem.ColumnTile;
        var tasks = 0;
        for (var i = 0; i < problem.SegmentCount; i++)
        {
            ref var segment = ref problem.Segments[i];
            segment.FirstTask = tasks;
            tasks = checked(tasks + segment.RowTiles * problem.ColumnTiles);
        }
        problem.TaskCount = tasks;
    }

    private readonly struct TileWork<TKernel>(GemmProblem* problem) : ICpuWork
        where TKernel : struct, IPanelKernel
    {
        public void Execute(int item, int worker)
        {
            // The last segment that starts at or before the task; empty segments share their start with the next one.
            var low = 0;
            var high = problem->SegmentCount - 1;
            while (low < high)
            {
                var middle = (low + high + 1) >> 1;
                if (problem->Segments[middle].FirstTask <= item)
                    low = middle;
                else
                    high = middle - 1;
            }
            ref var segment = ref problem->Segments[low];
            var local = item - segment.FirstTask;
            var row = local % segment.RowTiles * segment.RowTile;
            var column = local / segment.RowTiles * problem->ColumnTile;
            var tile = new TileTask(
                problem,
                (GemmSegment*)Unsafe.AsPointer(ref segment),
                row,
                Math.Min(segment.RowTile, segment.M - row),
                column,
                Math.Min(problem->ColumnTile, problem->N - column)
            );
            tile.Execute<TKernel>();
        }
    }
}
