// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Tests;

/// <summary>Files of odd names, numbers and sizes, and rows that are cut into many tasks.</summary>
public sealed class InputShapeTests
{
    private const string OddName = "it's \"a\" [b] {0} #ö 日本 *?%";

    private static readonly PondSchema s_columns = PondSchema.Create(
        ("id", "BIGINT"),
        ("x", "VARCHAR")
    );

    [Theory]
    [InlineData("it's.csv")]
    [InlineData("a b\tc.csv")]
    [InlineData("日本 ö.csv")]
    [InlineData("*.csv")]
    [InlineData("?.csv")]
    [InlineData("[a-z].csv")]
    [InlineData("[.csv")]
    [InlineData("\"quoted\".csv")]
    [InlineData("{0} {partition_count} $x.csv")]
    public async Task ReadCsv_OddNameBesideOthers_ReadsThatFileOnly(string name)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        area.Write("in/q.csv", "1000,other\n");
        area.Write("in/qq.csv", "2000,other\n");
        var path = area.Write("in/" + name, "1,a\n2,b\n");

        var rows = pond.ReadCsv(path, s_columns).Select("id");

        (await rows.ToListAsync<long>()).Order().Should().Equal(1, 2);
    }

    [Fact]
    public async Task EveryDirectory_OddName_WorksThroughWriteShuffleSortAndRead()
    {
        await using var area = new TestArea();
        var target = Path.Combine(area.Root, "out " + OddName);
        var pond = await area.OpenAsync(o =>
            o with
            {
                DataRoot = Path.Combine(area.Root, "data " + OddName),
                SpillDirectory = Path.Combine(area.Root, "spill " + OddName),
            }
        );
        await pond.FromItems(Enumerable.Range(0, 1000))
            .RepartitionByHash(3, "item")
            .OrderBy(4, "item desc")
            .WriteParquetAsync(target);

        var back = await pond.ReadParquet(target).RepartitionByRows(3).ToListAsync<int>();

        back.Should().Equal(Enumerable.Range(0, 1000).Select(i => 999 - i));
        var files = Directory.GetFiles(target, "*.parquet").Order(StringComparer.Ordinal);
        (await pond.ReadParquet(files).CountAsync()).Should().Be(1000);
        await pond.ReadParquet(target).WriteCsvAsync(target + ".csv");
        (
            await pond.ReadCsv(
                    target + ".csv",
                    PondSchema.Create(("i", "INT")),
                    new() { Header = true }
                )
                .CountAsync()
        )
            .Should()
            .Be(1000);
    }

    [Fact]
    public async Task ReadParquet_ColumnWithOddName_SurvivesShuffleAndSort()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        // Braces with a number would be an input of the query.
        const string Name = "it's \"a\" [b] {x} #ö 日本 *?%";
        var column = "\"" + Name.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"";

        var rows = await pond.FromItems(Enumerable.Range(0, 100))
            .SqlPerPartition($"select item as {column} from {{0}}")
            .RepartitionByHash(3, Name)
            .OrderBy(3, column)
            .ToListAsync();

        rows.Select(r => r.GetInt32(Name)).Should().Equal(Enumerable.Range(0, 100));
    }

    [Fact]
    public async Task ManySmallFiles_MoreThanAProcessMayOpen_AreReadOnceEach()
    {
        // Above the usual limit of open files, and above the most tasks of one repartition.
        const int Files = 1100;
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        for (var i = 0; i < Files; i++)
        {
            area.Write($"in/{i % 20:D2}/{i:D4}.csv", $"{i},x\n{i + Files},y\n");
        }

        var rows = pond.ReadCsv(area["in/**/*.csv"], s_columns);

        (await rows.CountAsync()).Should().Be(2 * Files);
        var ids = await rows.RepartitionByFiles(5)
            .RepartitionByHash(7, "id")
            .Select("id")
            .ToListAsync<long>();
        ids.Order().Should().Equal(Enumerable.Range(0, 2 * Files).Select(i => (long)i));
    }

    [Fact]
    public async Task ManySmallFiles_MoreParquetThanAProcessMayOpen_AreSplitByRows()
    {
        // Above the usual limit of open files, and above the most tasks of one repartition.
        const int Files = 1100;
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        await pond.FromItems(Enumerable.Range(0, 3)).WriteParquetAsync(area["one"]);
        var one = Directory.GetFiles(area["one"], "*.parquet").Single();
        Directory.CreateDirectory(area["in"]);
        for (var i = 0; i < Files; i++)
        {
            File.Copy(one, area[$"in/{i:D4}.parquet"]);
        }

        var rows = pond.ReadParquet(area["in"]);

        (await rows.CountAsync()).Should().Be(3 * Files);
        var result = await rows.RepartitionByRows(7).Where("item >= 0").ComputeAsync();
        result.PartitionRows.Should().Equal(472, 472, 472, 471, 471, 471, 471);
        (await rows.OrderBy(3, "item").ToListAsync<int>())
            .Should()
            .BeInAscendingOrder()
            .And.HaveCount(3 * Files);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(64)]
    public async Task HugeRowGroup_SplitByRows_EachRowIsInOnePartition(int count)
    {
        const int Rows = 300_000;
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        await pond.SqlPerPartition($"select range as i from range({Rows})")
            .WriteParquetAsync(
                area["in"],
                options: new ParquetWriteOptions { RowGroupRows = 2048 * 500 }
            );

        var split = pond.ReadParquet(area["in"]).RepartitionByRows(count);
        var parts = await split
            .SqlPerPartition(
                "select min(i) as low, max(i) as high, count(*) as n, count(distinct i) as d from {0}"
            )
            .ToListAsync();

        parts.Should().HaveCount(count);
        parts.Sum(p => p.GetInt64("n")).Should().Be(Rows);
        var next = 0L;
        foreach (var part in parts.OrderBy(p => p.GetInt64("low")))
        {
            part.GetInt64("low").Should().Be(next);
            part.GetInt64("d").Should().Be(part.GetInt64("n"));
            next = part.GetInt64("high") + 1;
        }

        next.Should().Be(Rows);
    }

    [Fact]
    public async Task HugeRowGroup_Shuffled_KeepsEveryRow()
    {
        const int Rows = 600_000;
        await using var area = new TestArea();
        // More cores, so that the one row group is cut for several producers.
        var pond = await area.OpenAsync(o => o with { Cores = 3 });
        await pond.SqlPerPartition($"select range as i from range({Rows})")
            .WriteParquetAsync(
                area["in"],
                options: new ParquetWriteOptions { RowGroupRows = 2048 * 500 }
            );

        var sums = await pond.ReadParquet(area["in"])
            .RepartitionByHash(5, "i")
            .SqlPerPartition("select count(*) as n, sum(i)::BIGINT as s from {0}")
            .ToListAsync();

        sums.Sum(s => s.GetInt64("n")).Should().Be(Rows);
        sums.Sum(s => s.GetInt64("s")).Should().Be((long)Rows * (Rows - 1) / 2);
        pond.GetStages().Single(s => s.Kind == "shuffle").TasksDone.Should().BeGreaterThan(3);
    }

    [Fact]
    public async Task EqualSteps_CreatedTwice_GiveTheirRowsTwice()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        await pond.FromItems(Enumerable.Range(0, 1000))
            .RepartitionByRows(3)
            .WriteParquetAsync(area["in"]);

        // Tasks of equal keys run at the same time and commit the same results.
        PondFrame Make() =>
            pond.ReadParquet(area["in"])
                .RepartitionByRows(4)
                .Where("item % 2 = 0")
                .RepartitionByHash(3, "item")
                .OrderBy(4, "item");
        var both = Make().Union(Make(), Make());

        (await both.ToListAsync<int>())
            .Should()
            .Equal(
                Enumerable.Range(0, 3).SelectMany(_ => Enumerable.Range(0, 500).Select(i => 2 * i))
            );
        (await both.WriteParquetAsync(area["out"])).Rows.Should().Be(1500);
        (await Make().CountAsync()).Should().Be(500);
        (await pond.ReadParquet(area["out"]).CountAsync()).Should().Be(1500);
    }

    [Fact]
    public async Task EqualSteps_InActionsAtOnce_EachGetAllRows()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        await pond.FromItems(Enumerable.Range(0, 2000))
            .RepartitionByRows(3)
            .WriteParquetAsync(area["in"]);

        var counts = await Task.WhenAll(
            Enumerable
                .Range(0, 6)
                .Select(_ =>
                    pond.ReadParquet(area["in"])
                        .RepartitionByRows(4)
                        .RepartitionByHash(3, "item")
                        .Where("item >= 0")
                        .CountAsync()
                )
        );

        counts.Should().OnlyContain(c => c == 2000);
    }
}
