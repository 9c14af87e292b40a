// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Tests;

/// <summary>Partitions without rows, partitions with nearly all rows, and values that have no number.</summary>
public sealed class EmptyAndSkewedTests
{
    public static TheoryData<string> Operators() => [.. s_operators.Keys];

    private static readonly Dictionary<string, Func<PondFrame, PondFrame>> s_operators = new()
    {
        ["where"] = f => f.Where("item >= 0"),
        ["where function"] = f => f.Where(r => r.GetInt32("item") >= 0),
        ["select"] = f => f.Select("item + 0 as item"),
        ["select function"] = f => f.Select(r => new { item = r.GetInt32("item") }),
        ["select many"] = f => f.SelectMany(r => new[] { new { item = r.GetInt32("item") } }),
        ["map batches"] = f => f.MapBatches(b => b),
        ["sql"] = f => f.SqlPerPartition("select item from {0} where item is not null"),
        ["single"] = f => f.Session.SqlSinglePartition("select item from {0}", f),
        ["join"] = f =>
            f.Session.SqlPerPartition("select a.item from {0} a join {1} b using (item)", f, f),
        ["files"] = f => f.RepartitionByFiles(3),
        ["rows"] = f => f.RepartitionByRows(9),
        ["hash"] = f => f.RepartitionByHash(5, "item"),
        ["key"] = f => f.RepartitionByKey(5, "item % 2"),
        ["range"] = f => f.RepartitionByRange(5, "item"),
        ["coalesce"] = f => f.Coalesce(2),
        ["shuffle"] = f => f.ShuffleRows(3),
        ["sort"] = f => f.OrderBy(5, "item"),
        ["sort within"] = f => f.OrderWithinPartitions("item"),
        ["limit"] = f => f.Limit(1_000_000),
        ["sample"] = f => f.Sample(1),
        ["union"] = f => f.Union(f.Where("item < 0")),
        ["observe"] = f => f.Observe("seen", ("n", "count(*)")),
    };

    [Theory]
    [MemberData(nameof(Operators))]
    public async Task Operator_MostPartitionsEmpty_KeepsRowsAndColumns(string name)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var some = pond.FromItems(Enumerable.Range(0, 40)).RepartitionByKey(6, "(item % 2) * 5");

        var result = s_operators[name](some);

        (await result.ToListAsync<int>()).Order().Should().Equal(Enumerable.Range(0, 40));
        (await result.CountAsync()).Should().Be(40);
        (await result.WriteParquetAsync(area["out"])).Rows.Should().Be(40);
    }

    [Theory]
    [MemberData(nameof(Operators))]
    public async Task Operator_AllPartitionsEmpty_KeepsColumns(string name)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var none = pond.FromItems(Enumerable.Range(0, 40))
            .RepartitionByHash(4, "item")
            .Where("item < 0");

        var result = s_operators[name](none);

        (await result.ToListAsync<int>()).Should().BeEmpty();
        var written = await result.WriteParquetAsync(area["out"]);
        written.Rows.Should().Be(0);
        var back = pond.ReadParquet(area["out"]);
        (await back.GetSchemaAsync())!.Select(c => c.Name).Should().Equal("item");
        (await s_operators[name](back).CountAsync()).Should().Be(0);
    }

    [Fact]
    public async Task RepartitionByHash_OneKeyForMostRows_KeepsRowsAndReportsSizes()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var rows = pond.SqlPerPartition(
            "select case when range % 10 < 9 then 1 else range end as k, range as i from range(200000)"
        );

        var hashed = rows.RepartitionByHash(8, "k");
        var sizes = await hashed.ComputeAsync();
        var sum = await hashed
            .SqlPerPartition("select sum(i)::BIGINT as s from {0}")
            .ToListAsync<long>();

        sizes.PartitionRows.Sum().Should().Be(200_000);
        sizes.PartitionRows.Count(n => n >= 180_000).Should().Be(1);
        sizes.PartitionRows.Should().OnlyContain(n => n > 0);
        sum.Sum().Should().Be(200_000L * 199_999 / 2);
    }

    [Fact]
    public async Task OrderBy_OnlyNullsAndOneValue_KeepsThemTogether()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var rows = pond.SqlPerPartition(
            "select case when range % 100 = 0 then 7 end as k from range(20000)"
        );

        var sorted = rows.RepartitionByRows(3).OrderBy(6, "k");
        var result = await sorted.ComputeAsync();

        result.PartitionRows.Where(n => n > 0).Should().Equal(200, 19_800);
        (await sorted.ToListAsync()).Take(200).Should().OnlyContain(r => r.GetInt32("k") == 7);
    }

    [Theory]
    [InlineData("d", "-inf -1 0 1 inf nan null")]
    [InlineData("d asc nulls last", "-inf -1 0 1 inf nan null")]
    [InlineData("d asc nulls first", "null -inf -1 0 1 inf nan")]
    [InlineData("d desc", "nan inf 1 0 -1 -inf null")]
    [InlineData("d desc nulls last", "nan inf 1 0 -1 -inf null")]
    [InlineData("d desc nulls first", "null nan inf 1 0 -1 -inf")]
    [InlineData("d::float desc nulls first", "null nan inf 1 0 -1 -inf")]
    public async Task OrderBy_NanAndNull_HaveOneOrder(string key, string expected)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var rows = pond.SqlPerPartition(
            """
            select unnest(['nan', '1', null, 'inf', '0', '-inf', '-1'])::double as d, range as i
            from range(50)
            """
        );

        var sorted = await rows.RepartitionByRows(3).OrderBy(5, key, "i").ToListAsync();
        var within = await rows.OrderWithinPartitions(key, "i").ToListAsync();

        var names = expected.Split(' ').SelectMany(n => Enumerable.Repeat(n, 50)).ToArray();
        sorted.Select(Name).Should().Equal(names);
        within.Select(Name).Should().Equal(names);
        sorted
            .Select(r => r.GetInt64("i"))
            .Should()
            .Equal(
                Enumerable.Range(0, 7).SelectMany(_ => Enumerable.Range(0, 50).Select(i => (long)i))
            );

        static string Name(PondRow row) =>
            row.IsNull("d") ? "null"
            : row["d"] is not double d ? "?"
            : double.IsNaN(d) ? "nan"
            : double.IsInfinity(d) ? (d > 0 ? "inf" : "-inf")
            : d == 0 ? "0"
            : d > 0 ? "1"
            : "-1";
    }
}
