// SPDX-License-Identifier: MIT

namespace DeepInfra.Pond.Tests;

/// <summary>The partitioned sort against DuckDB's own sort of all rows.</summary>
public sealed class SortTests
{
    private const string Rows = """
        select range as i,
            case when hash(range) % 7 = 0 then null else (hash(range) % 100)::int end as n,
            case hash(range, 1) % 9 when 0 then 'nan'::double when 1 then '-inf'::double
                when 2 then null when 3 then -0.0 when 4 then 0.0
                else (hash(range, 2) % 1000)::double - 500 end as d,
            case hash(range, 3) % 6 when 0 then null when 1 then '' when 2 then 'it''s "quoted"'
                when 3 then 'Straße ' || (hash(range) % 10) when 4 then '日本' || chr(128512)
                else chr((32 + hash(range, 4) % 90)::int) || 'x' end as "a ""b"" c",
            encode(chr((hash(range) % 255 + 1)::int) || chr(1)) as b,
            (hash(range, 5) % 100000)::decimal(18, 2) - 50000 as m,
            date '2020-01-01' + (hash(range, 6) % 1000)::int as t,
            [hash(range, 7) % 3, null, hash(range, 8) % 5] as l
        from range(5000)
        """;

    public static TheoryData<string[]> Orders() =>
        new(
            ["i"],
            ["i desc"],
            ["n", "i"],
            ["n desc nulls first", "i desc"],
            ["n DESC NULLS LAST", "i"],
            ["d", "i"],
            ["d desc", "i"],
            ["\"a \"\"b\"\" c\"", "i"],
            ["\"a \"\"b\"\" c\" desc nulls first", "i"],
            ["b desc", "i"],
            ["m", "t desc", "i"],
            ["l", "i"],
            ["l desc", "i"],
            ["lower(\"a \"\"b\"\" c\") || ', desc'", "i"],
            ["n % 3 -- a comment", "i"],
            ["{'x': n, 'y': d}", "i"]
        );

    [Theory]
    [MemberData(nameof(Orders))]
    public async Task OrderBy_AnyKey_GivesTheOrderOfOneSort(string[] keys)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var rows = pond.SqlPerPartition(Rows);
        var list = string.Join(
            ", ",
            keys.Select(k =>
                k.Contains("--", StringComparison.Ordinal)
                    ? k[..k.IndexOf("--", StringComparison.Ordinal)]
                : k.Contains("nulls", StringComparison.OrdinalIgnoreCase) ? k
                : k + " nulls last"
            )
        );
        var expected = await pond.SqlSinglePartition($"select i from {{0}} order by {list}", rows)
            .ToListAsync<long>();

        var sorted = rows.RepartitionByRows(3).OrderBy(4, keys);

        (await sorted.Select("i").ToListAsync<long>()).Should().Equal(expected);
    }

    [Theory]
    [InlineData("n, i desc")]
    [InlineData("n desc, i")]
    [InlineData("2")]
    [InlineData("2 desc")]
    [InlineData(" desc")]
    [InlineData("")]
    public async Task OrderBy_ListOrPositionInOneKey_IsRefused(string key)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var rows = pond.SqlPerPartition(Rows);

        var act = () => rows.OrderBy(4, key);

        act.Should().Throw<ArgumentException>();
    }

    [Fact]
    public async Task OrderBy_Collation_IsRefusedForRangesAndWorksWithinPartitions()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var rows = pond.FromItems(["b", "A", "a", "B", "collate"]);

        var act = () => rows.OrderBy(4, "item collate nocase");

        act.Should().Throw<NotSupportedException>();
        (await rows.OrderWithinPartitions("item collate nocase", "item").ToListAsync<string>())
            .Should()
            .Equal("A", "a", "B", "b", "collate");
        (await rows.OrderBy(2, "item || ' collate x'").CountAsync()).Should().Be(5);
    }

    [Fact]
    public async Task OrderBy_OneKeyForAllRows_KeepsAllRowsInOnePartition()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var sorted = pond.FromItems(Enumerable.Repeat(5, 10_000)).OrderBy(8, "item");

        var result = await sorted.ComputeAsync();

        result.PartitionRows.Sum().Should().Be(10_000);
        result.PartitionRows.Count(r => r > 0).Should().Be(1);
    }

    [Fact]
    public async Task OrderBy_SkewedKeys_SpreadsTheOthersEvenly()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        // Half of the rows share one key.
        var rows = pond.SqlPerPartition(
            "select case when range % 2 = 0 then 500000 else hash(range) % 1000000 end as k from range(100000)"
        );

        var result = await rows.RepartitionByRows(3).OrderBy(8, "k").ComputeAsync();

        result.PartitionRows.Sum().Should().Be(100_000);
        result.PartitionRows.Order().Take(7).Should().OnlyContain(r => r < 20_000);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public async Task OrderBy_FewerRowsThanPartitions_Works(int count)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var rows = pond.SqlPerPartition($"select range as i from range({count})");

        var sorted = rows.OrderBy(8, "i desc");

        (await sorted.ToListAsync<long>())
            .Should()
            .Equal(Enumerable.Range(0, count).Reverse().Select(i => (long)i));
        (await sorted.WriteParquetAsync(area["out"])).Rows.Should().Be(count);
    }

    [Fact]
    public async Task OrderBy_EmptyInputPartitions_AreSkipped()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var rows = pond.FromItems(Enumerable.Range(0, 1000))
            .RepartitionByKey(6, "(item % 2) * 5")
            .Where("item % 2 = 1");

        var sorted = await rows.OrderBy(4, "item desc").ToListAsync<int>();

        sorted.Should().Equal(Enumerable.Range(0, 500).Select(i => 999 - (2 * i)));
    }

    [Fact]
    public async Task Write_SortedAndReadBack_KeepsTheOrder()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        await pond.SqlPerPartition("select hash(range) % 1000000 as k from range(200000)")
            .RepartitionByRows(3)
            .OrderBy(5, "k desc")
            .WriteParquetAsync(
                area["out"],
                options: new ParquetWriteOptions { RowGroupRows = 2048, MaxDictionaryValues = 0 }
            );

        var rows = await pond.ReadParquet(area["out"]).ToListAsync<ulong>();

        rows.Should().HaveCount(200_000).And.BeInDescendingOrder();
    }
}
