// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Tests;

/// <summary>More rows than 32 bits can count.</summary>
[Trait("Category", "Slow")]
public sealed class ManyRowsTests
{
    private const long Beyond = 1L << 31;
    private const long Rows = Beyond + (1L << 27) + 5;

    /// <summary>The value of a row tells where it is: 32 blocks below 2^31, two above, and a mark on the last rows.</summary>
    private const string Values =
        "select CASE WHEN range < 2281701376 THEN range >> 26 ELSE range - 2281701176 END::UTINYINT as b";

    [Fact]
    public async Task RowsBeyond32Bits_WrittenReadSplitAndLimited_AreAllThere()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var written = await pond.SqlPerPartition($"{Values} from range({Rows})")
            .WriteParquetAsync(
                area["in"],
                options: new ParquetWriteOptions { RowGroupRows = 1 << 22 }
            );
        written.Rows.Should().Be(Rows);
        written.Files.Should().ContainSingle().Which.Rows.Should().Be(Rows);
        var big = pond.ReadParquet(area["in"]);

        // From the footer: no step runs.
        var stages = pond.GetStages().Count;
        (await big.CountAsync()).Should().Be(Rows);
        pond.GetStages().Should().HaveCount(stages);

        var split = big.RepartitionByRows(64);
        var parts = await split
            .SqlPerPartition(
                "select {__data_partition__} as p, count(*) as n, min(b) as low, max(b) as high, sum(b)::BIGINT as s from {0}"
            )
            .ToListAsync();
        CheckParts(parts);
        (await split.ComputeAsync()).Rows.Should().Be(Rows);

        // Rows past an offset are any rows, because a query has no order of its own.
        var past = big.SqlPerPartition($"select b from {{0}} limit 10 offset {Rows - 6}");
        (await past.CountAsync()).Should().Be(6);
        var last = await big.SqlPerPartition("select b from {0} order by b desc limit 6")
            .ToListAsync<int>();
        last.Should().Equal(204, 203, 202, 201, 200, 33);
        (await big.Where("b >= 200").ToListAsync<int>()).Should().Equal(200, 201, 202, 203, 204);
        (await big.TakeAsync(3)).Select(r => r.GetInt32("b")).Should().Equal(0, 0, 0);

        (await big.Where("b >= 32").CountAsync()).Should().Be(Rows - Beyond);
        var most = await big.Where("b < 33").ComputeAsync();
        most.Rows.Should().Be(Beyond + (1L << 26));
        (await big.Limit(Beyond + 10).CountAsync()).Should().Be(Beyond + 10);

        await big.Awaiting(f => f.ToListAsync())
            .Should()
            .ThrowAsync<NotSupportedException>()
            .WithMessage("*2281701381*");
        var streamed = 0L;
        var sum = 0L;
        await foreach (var batch in big.ToArrowBatchesAsync())
        {
            streamed += batch.Length;
            sum += ((Apache.Arrow.UInt8Array)batch.Column(0)).Values[batch.Length - 1];
            batch.Dispose();
        }

        streamed.Should().Be(Rows);
        // Batches of 2048 rows, of which 2^15 are in a block, and one of the last five rows.
        sum.Should().Be((33 * 34 / 2 << 15) + 204);
    }

    [Fact]
    public async Task RowsBeyond32Bits_Shuffled_KeepTheirNumber()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var result = await pond.SqlPerPartition($"{Values} from range({Rows})")
            .RepartitionByKey(2, "(b >= 33)::INTEGER")
            .ComputeAsync();

        result.PartitionRows.Should().Equal(Beyond + (1L << 26), (1L << 26) + 5);
        pond.GetStages().Single(s => s.Kind == "shuffle").RowsOut.Should().Be(Rows);
    }

    private static void CheckParts(IReadOnlyList<PondRow> parts)
    {
        var position = 0L;
        parts.Select(p => p.GetInt32("p")).Should().Equal(Enumerable.Range(0, 64));
        for (var i = 0; i < parts.Count; i++)
        {
            var count = (Rows / 64) + (i < Rows % 64 ? 1 : 0);
            parts[i].GetInt64("n").Should().Be(count);
            parts[i].GetInt64("low").Should().Be(Value(position));
            parts[i].GetInt64("high").Should().Be(Value(position + count - 1));
            parts[i].GetInt64("s").Should().Be(Sum(position + count) - Sum(position));
            position += count;
        }
    }

    private static long Value(long row) => row < Rows - 5 ? row >> 26 : row - (Rows - 5) + 200;

    /// <summary>Sum of the values of the first rows.</summary>
    private static long Sum(long rows)
    {
        var marked = Math.Max(0, rows - (Rows - 5));
        var plain = rows - marked;
        var (blocks, rest) = (plain >> 26, plain & ((1L << 26) - 1));
        return (blocks * (blocks - 1) / 2 << 26)
            + (blocks * rest)
            + (200 * marked)
            + (marked * (marked - 1) / 2);
    }
}
