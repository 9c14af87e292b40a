// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Execution;

namespace DeepInfra.Pond.Tests;

/// <summary>How many tasks write the files of a shuffle.</summary>
public sealed class ProducerTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    [InlineData(1000, 1)]
    [InlineData(1001, 2)]
    [InlineData(3000, 3)]
    [InlineData(3001, 3)]
    [InlineData(5999, 6)]
    [InlineData(7000, 6)]
    [InlineData(8001, 9)]
    [InlineData(long.MaxValue / 2, 12)]
    public void Used_Rows_IsAMultipleOrFewer(long rows, int expected) =>
        new SplitRowsWork(12, 1000, 3).Used(rows).Should().Be(expected);

    [Theory]
    [InlineData(64, 64)]
    [InlineData(4, 16)]
    public async Task Shuffle_SmallFiles_ComeFromOneProducer(int partitions, int files)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        await pond.SqlPerPartition("select range as i from range(200000)")
            .WriteParquetAsync(area["in"]);
        var frame = pond.ReadParquet(area["in"])
            .SqlPerPartition("select * from {0}")
            .RepartitionByHash(partitions, "i");

        var result = await frame.ComputeAsync();
        var sums = await frame.SqlPerPartition("select sum(i)::BIGINT as s from {0}").ToListAsync();

        result.Rows.Should().Be(200_000);
        sums.Sum(r => r.GetInt64("s")).Should().Be(200_000L * 199_999 / 2);
        Directory
            .GetFiles(pond.JobDirectory, "*.parquet", SearchOption.AllDirectories)
            .Count(f => f.Contains("__pond_partition__=", StringComparison.Ordinal))
            .Should()
            .BeLessThanOrEqualTo(files);
    }

    [Fact]
    public async Task Boost_OneTaskWithRowsAmongEmptyOnes_GetsAllCores()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync(o => o with { Cores = 3 });
        await pond.SqlPerPartition("select range as i from range(1000)")
            .WriteParquetAsync(area["in"]);

        // A query sees as many threads as its task has cores.
        var threads = await pond.ReadParquet(area["in"])
            .RepartitionByFiles(4)
            .SqlPerPartition(
                "select current_setting('threads')::BIGINT as t, count(*) as n from {0}"
            )
            .ToListAsync();

        threads.Single(r => r.GetInt64("n") > 0).GetInt64("t").Should().Be(3);
        threads.Should().HaveCount(4);
    }
}
