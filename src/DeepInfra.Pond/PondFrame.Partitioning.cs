// SPDX-License-Identifier: MIT
using System.Globalization;
using DeepInfra.Pond.Execution;
using DeepInfra.Pond.Plan;
using SortKey = DeepInfra.Pond.Execution.SortKey;

namespace DeepInfra.Pond;

public sealed partial class PondFrame
{
    private const int MaxPartitions = 1_000_000;

    /// <summary>
    /// Deals the files of all partitions to n partitions, in sorted order and evenly by count. Moves no data.
    /// </summary>
    /// <param name="count">Number of partitions; some stay empty when there are fewer files.</param>
    /// <returns>The repartitioned frame.</returns>
    public PondFrame RepartitionByFiles(int count) =>
        new(new SplitNode(Session, Node, Count(count), byRows: false));

    /// <summary>
    /// Cuts the rows of all partitions into n partitions whose sizes differ by at most one row. Moves no
    /// data; Parquet only.
    /// </summary>
    /// <param name="count">Number of partitions; some stay empty when there are fewer rows.</param>
    /// <returns>The repartitioned frame.</returns>
    public PondFrame RepartitionByRows(int count) =>
        new(new SplitNode(Session, Node, Count(count), byRows: true));

    /// <summary>
    /// Moves rows so that equal keys meet in one partition. Key values are compared as text: 1 and '1'
    /// agree, 1 and 1.0 do not. NULLs are skipped, so rows are never dropped. A query over frames that are
    /// partitioned by columns of different types is refused, since rows with equal keys may not meet.
    /// </summary>
    /// <param name="count">Number of partitions.</param>
    /// <param name="columns">Key columns, at least one.</param>
    /// <returns>The repartitioned frame.</returns>
    public PondFrame RepartitionByHash(int count, params string[] columns)
    {
        ArgumentNullException.ThrowIfNull(columns);
        if (columns.Length == 0 || columns.Any(string.IsNullOrWhiteSpace))
        {
            throw new ArgumentException(
                "columns: expected at least one column name and no empty ones.",
                nameof(columns)
            );
        }

        var key = ShuffleKey.Hash(Session.Options.HashKind, Count(count), columns);
        return new PondFrame(new ShuffleNode(Session, Node, count, key));
    }

    /// <summary>Moves each row to the partition that an integer expression names.</summary>
    /// <param name="count">Number of partitions.</param>
    /// <param name="expression">
    /// SQL expression of an integer type; NULL or a value outside of 0 to <paramref name="count"/> - 1 fails
    /// the task with <see cref="PondPartitionKeyException"/>.
    /// </param>
    /// <returns>The repartitioned frame.</returns>
    public PondFrame RepartitionByKey(int count, string expression)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(expression);
        return new PondFrame(
            new ShuffleNode(Session, Node, count, ShuffleKey.Expression(Count(count), expression))
        );
    }

    /// <summary>
    /// Moves rows so that all keys of a partition are at or below those of the next one. Split points come
    /// from a sample, so sizes are only about equal; equal keys stay together.
    /// </summary>
    /// <param name="count">Number of partitions.</param>
    /// <param name="keys">
    /// Sort keys: an expression, optionally followed by <c>desc</c> and <c>nulls first</c>. NULLs come last.
    /// </param>
    /// <returns>The repartitioned frame.</returns>
    public PondFrame RepartitionByRange(int count, params string[] keys)
    {
        var parsed = SortKey.Parse(keys);
        SortKey.CheckNormalizable(parsed);
        return new PondFrame(new RangeNode(Session, Node, Count(count), parsed));
    }

    /// <summary>Merges neighbouring partitions. Moves no data.</summary>
    /// <param name="count">Wanted number of partitions; more than there are changes nothing.</param>
    /// <returns>The repartitioned frame.</returns>
    public PondFrame Coalesce(int count) => new(new CoalesceNode(Session, Node, Count(count)));

    /// <summary>
    /// Puts rows into a random order, across and inside partitions. The order depends on the content of the
    /// rows and the seed only, so it repeats whatever the number of workers; equal rows stay neighbours.
    /// </summary>
    /// <param name="seed">Seed; null for the seed of the session.</param>
    /// <returns>A frame with the same number of partitions.</returns>
    public PondFrame ShuffleRows(long? seed = null)
    {
        var s = (seed ?? Session.RandomSeed).ToString(CultureInfo.InvariantCulture);
        var n = PartitionCount;
        var key = new ShuffleKey(
            "random",
            string.Create(CultureInfo.InvariantCulture, $"{ShuffleWork.KeyColumn} % {n}")
        )
        {
            KeySql = $"hash(pond_row, {s})",
            KeepKey = true,
        };
        var shuffled = new PondFrame(new ShuffleNode(Session, Node, n, key));
        // A second hash, or the order inside a partition would follow the partition's residue class.
        return shuffled.Sql(
            $"SELECT * EXCLUDE ({ShuffleWork.KeyColumn}) FROM {{0}} ORDER BY hash({ShuffleWork.KeyColumn}), {ShuffleWork.KeyColumn}",
            rowWise: false,
            ordered: true
        );
    }

    /// <summary>Sorts the rows inside each partition.</summary>
    /// <param name="keys">Sort keys, as in <see cref="RepartitionByRange"/>.</param>
    /// <returns>A frame with the same partitions, whose row order later steps keep where they can.</returns>
    public PondFrame OrderWithinPartitions(params string[] keys) =>
        Sql(
            $"SELECT * FROM {{0}} ORDER BY {SortKey.OrderBy(SortKey.Parse(keys))}",
            rowWise: false,
            ordered: true
        );

    /// <summary>
    /// Sorts all rows: a range repartition, then a sort inside each partition. Data larger than memory spill
    /// to disk.
    /// </summary>
    /// <param name="count">Number of partitions; each should fit the memory of a task.</param>
    /// <param name="keys">Sort keys, as in <see cref="RepartitionByRange"/>.</param>
    /// <returns>A frame of <paramref name="count"/> partitions in rising order.</returns>
    public PondFrame OrderBy(int count, params string[] keys) =>
        count == 1
            ? Coalesce(1).OrderWithinPartitions(keys)
            : RepartitionByRange(count, keys).OrderWithinPartitions(keys);

    /// <summary>
    /// Sorts all rows into as many partitions as the data need: the size of the sources without compression,
    /// divided by a quarter of the memory of a task of one core
    /// (<see cref="PondOptions.MemoryBudget"/> / <see cref="PondOptions.Cores"/> / 4), because a sort holds a
    /// few copies of its rows; at most 4096. Small data get two partitions per core, if each has 1 MiB. Sources
    /// that are queries have no known size: they get two per core, at least 4.
    /// <para>The files of the sources are looked up at once, and footers of Parquet files are read.</para>
    /// </summary>
    /// <param name="keys">Sort keys, as in <see cref="RepartitionByRange"/>.</param>
    /// <returns>A frame in rising order.</returns>
    public PondFrame OrderBy(params string[] keys)
    {
        _ = SortKey.Parse(keys);
        return OrderBy(SortPartitions.For(Session, Node), keys);
    }

    private static int Count(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MaxPartitions);
        return count;
    }
}
