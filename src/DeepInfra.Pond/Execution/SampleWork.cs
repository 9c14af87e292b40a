// SPDX-License-Identifier: MIT
using System.Globalization;
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Execution;

/// <summary>Draws sort keys of one partition; the payload is the row count and the keys, one per line.</summary>
internal sealed class SampleWork(IReadOnlyList<SortKey> keys, long sampleRows, long seed) : TaskWork
{
    public override void AppendKey(KeyBuilder key) =>
        key.Add("sample").Add(SortKey.NormalizedSql(keys)).Add(sampleRows).Add(seed);

    public override TaskOutput Run(TaskContext context) =>
        context.WithDuck(duck =>
        {
            var view = context.CreateView(duck, 0);
            var total = FileSet.TotalRows(context.Sets(0));
            if (total < 0 || context.Task.Inputs[0] is not { Slots.Count: > 0, Wrappers.Count: 0 })
            {
                total = duck.Scalar($"SELECT count(*) FROM {view}", context.Cancellation);
            }

            var sample = duck.Query(
                $"SELECT {SortKey.NormalizedSql(keys)} FROM (SELECT * FROM {view} USING SAMPLE reservoir("
                    + $"{SqlText.Number(sampleRows)} ROWS) REPEATABLE ({SqlText.Number(seed & 0x7FFFFFFF)}))",
                context.Cancellation
            );
            var lines = sample.Select(r => Convert.ToHexString((byte[])r[0]!));
            return new TaskOutput
            {
                Slots = [],
                Payload =
                    total.ToString(CultureInfo.InvariantCulture) + "\n" + string.Join('\n', lines),
            };
        });
}

/// <summary>Chooses the split points of a range partition from the samples of all partitions.</summary>
internal sealed class BoundariesWork(int count) : TaskWork
{
    public override void AppendKey(KeyBuilder key) => key.Add("boundaries").Add(count);

    public override TaskOutput Run(TaskContext context)
    {
        var weighted = new List<(byte[] Key, double Weight)>();
        foreach (var task in context.Task.Producers)
        {
            var lines = task.Output!.Payload!.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            var rows = long.Parse(lines[0], CultureInfo.InvariantCulture);
            var weight = lines.Length > 1 ? (double)rows / (lines.Length - 1) : 0;
            weighted.AddRange(lines.Skip(1).Select(l => (Convert.FromHexString(l), weight)));
        }

        return new TaskOutput
        {
            Slots = [],
            Payload = string.Join('\n', Choose(weighted, count).Select(Convert.ToHexString)),
        };
    }

    /// <summary>At most count-1 rising keys that cut the weight into equal parts.</summary>
    internal static List<byte[]> Choose(List<(byte[] Key, double Weight)> sample, int count)
    {
        sample.Sort(static (a, b) => a.Key.AsSpan().SequenceCompareTo(b.Key));
        var total = sample.Sum(s => s.Weight);
        var points = new List<byte[]>();
        var sum = 0.0;
        var index = 0;
        for (var k = 1; k < count && sample.Count > 0; k++)
        {
            var target = total * k / count;
            while (index < sample.Count - 1 && sum + sample[index].Weight <= target)
            {
                sum += sample[index++].Weight;
            }

            var key = sample[index].Key;
            if (points.Count == 0 || !points[^1].AsSpan().SequenceEqual(key))
            {
                points.Add(key);
            }
        }

        return points;
    }

    /// <summary>
    /// An expression that gives the partition of a row: the number of split points at or below its key,
    /// found by nested comparisons.
    /// </summary>
    public static string PartitionSql(string payload)
    {
        var points = payload
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(Convert.FromHexString)
            .ToArray();
        return Search(points, 0, points.Length);
    }

    private static string Search(byte[][] points, int low, int high)
    {
        if (low == high)
        {
            return SqlText.Number(low);
        }

        var middle = (low + high) / 2;
        return $"CASE WHEN {ShuffleWork.KeyColumn} < {SqlText.Blob(points[middle])} THEN {Search(points, low, middle)} "
            + $"ELSE {Search(points, middle + 1, high)} END";
    }
}
