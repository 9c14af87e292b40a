// SPDX-License-Identifier: MIT
using System.Globalization;
using DeepInfra.Pond.Engine;
using DeepInfra.Pond.Execution;

namespace DeepInfra.Pond.Plan;

/// <summary>Chooses the number of partitions of a sort from the size of its sources.</summary>
internal static class SortPartitions
{
    public const int Most = 4096;
    private const long SmallPartition = 1L << 20;
    private const int SampledFiles = 64;

    /// <summary>Ratio that is assumed where a file does not tell how large its data are.</summary>
    private const int AssumedCompression = 4;

    public static int For(PondSession session, PlanNode node) =>
        Choose(
            // On a thread of its own: the caller may have a synchronization context, and DuckDB blocks.
            PondSession.Dedicated(() => Estimate(session, node)).GetAwaiter().GetResult(),
            session.Runtime.MemoryBudget,
            session.Cores
        );

    /// <summary>The rule.</summary>
    /// <param name="bytes">Bytes of the data without compression; null when unknown.</param>
    /// <param name="memoryBytes">Memory of all tasks together.</param>
    /// <param name="cores">Cores of all tasks together.</param>
    public static int Choose(long? bytes, long memoryBytes, int cores)
    {
        if (bytes is not { } size)
        {
            return Math.Max(4, 2 * cores);
        }

        var part = Math.Max(1, memoryBytes / cores / 4);
        var fitting = DivideUp(size, part);
        var busy = Math.Min(2L * cores, DivideUp(size, SmallPartition));
        return (int)Math.Clamp(Math.Max(fitting, busy), 1, Most);
    }

    /// <summary>
    /// Bytes of all sources below a node, without compression. Filters count for nothing, so it is an upper
    /// bound unless steps add to the rows. Null when a source is a query.
    /// </summary>
    public static long? Estimate(PondSession session, PlanNode node)
    {
        var sum = 0L;
        var seen = new HashSet<PlanNode>();
        var stack = new Stack<PlanNode>([node]);
        while (stack.TryPop(out var current))
        {
            if (!seen.Add(current))
            {
                continue;
            }

            long? own = current switch
            {
                SourceNode source => SizeOf(session, source),
                LiteralNode literal => literal.Bytes,
                { Inputs.Count: 0 } => null,
                _ => 0,
            };
            if (own is null)
            {
                return null;
            }

            sum += own.Value;
            foreach (var input in current.Inputs)
            {
                stack.Push(input);
            }
        }

        return sum;
    }

    private static long? SizeOf(PondSession session, SourceNode source)
    {
        try
        {
            source.ResolveAsync(session.Runtime, CancellationToken.None).GetAwaiter().GetResult();
            var files = source.Files!.Files;
            return source.Format is ParquetFileFormat
                ? ParquetBytes(session, files)
                : files.Sum(f => TextBytes(f));
        }
        catch (Exception e) when (e is PondException or IOException or UnauthorizedAccessException)
        {
            // The action that needs the files reports what is wrong with them.
            return null;
        }
    }

    private static long TextBytes(DataFile file) =>
        file.Path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase)
        || file.Path.EndsWith(".zst", StringComparison.OrdinalIgnoreCase)
            ? file.Bytes * AssumedCompression
            : file.Bytes;

    private static long ParquetBytes(PondSession session, IReadOnlyList<DataFile> files)
    {
        var all = files.Sum(f => f.Bytes);
        var local = files.Where(f => !session.Runtime.Stager.IsRemote(f.Path)).ToArray();
        if (local.Length == 0)
        {
            return all * AssumedCompression;
        }

        // Some files, spread over the list, stand for all of them.
        var step = (local.Length + SampledFiles - 1) / SampledFiles;
        var sample = local.Where((_, i) => i % step == 0).ToArray();
        var bytes = session.Schemas.WithDuck(duck =>
            duck.Query(
                "SELECT coalesce(sum(total_uncompressed_size), 0)::BIGINT FROM parquet_metadata("
                    + SqlText.PathList(sample.Select(f => f.Path))
                    + ")",
                CancellationToken.None
            )[0][0]
        );
        var sampled = Math.Max(1, sample.Sum(f => f.Bytes));
        // Dictionaries make columns small that are large again in memory.
        var ratio = Math.Max(1, Convert.ToDouble(bytes, CultureInfo.InvariantCulture) / sampled);
        return (long)Math.Min(all * ratio, long.MaxValue / 2);
    }

    private static long DivideUp(long value, long by) => (value / by) + (value % by == 0 ? 0 : 1);
}
