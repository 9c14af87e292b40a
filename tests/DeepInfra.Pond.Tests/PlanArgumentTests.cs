// SPDX-License-Identifier: MIT
using System.Globalization;
using Apache.Arrow;

namespace DeepInfra.Pond.Tests;

/// <summary>What is refused before any work, and shapes and settings that must not matter.</summary>
public sealed class PlanArgumentTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1_000_001)]
    public async Task Partitioning_CountOutOfRange_Throws(int count)
    {
        await using var area = new TestArea();
        var rows = (await area.OpenAsync()).FromItems([1, 2]);
        Action[] calls =
        [
            () => rows.RepartitionByFiles(count),
            () => rows.RepartitionByRows(count),
            () => rows.RepartitionByHash(count, "item"),
            () => rows.RepartitionByKey(count, "item"),
            () => rows.RepartitionByRange(count, "item"),
            () => rows.Coalesce(count),
            () => rows.OrderBy(count, "item"),
        ];

        foreach (var call in calls)
        {
            call.Should()
                .Throw<ArgumentOutOfRangeException>()
                .Which.ParamName.Should()
                .Be(nameof(count));
        }
    }

    [Fact]
    public async Task Partitioning_ColumnsMissingOrUnknown_Throws()
    {
        await using var area = new TestArea();
        var rows = (await area.OpenAsync()).FromItems([1, 2]);

        rows.Invoking(r => r.RepartitionByHash(2)).Should().Throw<ArgumentException>();
        rows.Invoking(r => r.RepartitionByHash(2, " ")).Should().Throw<ArgumentException>();
        rows.Invoking(r => r.RepartitionByKey(2, "")).Should().Throw<ArgumentException>();
        rows.Invoking(r => r.OrderBy(2)).Should().Throw<ArgumentException>();
        PondFrame[] unknown =
        [
            rows.RepartitionByHash(2, "nothing"),
            rows.RepartitionByKey(2, "nothing % 2"),
            rows.OrderBy(2, "nothing"),
            rows.OrderWithinPartitions("nothing"),
        ];
        foreach (var frame in unknown)
        {
            var error = (
                await frame.Awaiting(f => f.CountAsync()).Should().ThrowAsync<PondException>()
            ).Which;
            error.Message.Should().Contain("nothing");
        }
    }

    [Fact]
    public async Task FromItems_NoneAtAll_HasColumnsButNoRows()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var none = pond.FromItems(System.Array.Empty<int>());

        (await none.GetSchemaAsync())!.Single().Name.Should().Be("item");
        (await none.RepartitionByHash(3, "item").CountAsync()).Should().Be(0);
    }

    [Fact]
    public async Task Session_SecondOnTheSameJob_IsRefused()
    {
        await using var area = new TestArea();
        var first = await area.OpenAsync(o => o with { JobId = "shared" });

        await area.Awaiting(a => a.OpenAsync(o => o with { JobId = "shared" }))
            .Should()
            .ThrowAsync<PondLeaseException>()
            .WithMessage("*shared*");

        await first.DisposeAsync();
        (await area.OpenAsync(o => o with { JobId = "shared" })).Should().NotBeNull();
    }

    [Fact]
    public async Task Session_DataRootIsAFile_IsRefusedNamingIt()
    {
        await using var area = new TestArea();
        var file = area.Write("file", "x");

        var error = (
            await area.Awaiting(a => a.OpenAsync(o => o with { DataRoot = file }))
                .Should()
                .ThrowAsync<PondConfigurationException>()
        ).Which;
        error.Message.Should().Contain(file);
    }

    [Theory]
    [InlineData("select 1 as a, 2 as A")]
    [InlineData("select x.*, y.* from (select 1 as A) x, (select 2 as A) y")]
    public async Task SqlPerPartition_ColumnNameTwice_IsRefusedNamingIt(string sql)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var error = (
            await pond.SqlPerPartition(sql)
                .Awaiting(f => f.CountAsync())
                .Should()
                .ThrowAsync<PondSqlException>()
        ).Which;

        error.Message.Should().ContainEquivalentOf("\"a\"").And.Contain(sql);
        error.SourceLocation.Should().StartWith("PlanArgumentTests.cs:");
    }

    [Fact]
    public async Task ColumnWithThePartitionsName_SurvivesAShuffle()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var rows = pond.SqlPerPartition(
            "select range as i, range * 2 as __data_partition__ from range(20)"
        );

        var back = await rows.RepartitionByHash(3, "i").ToListAsync();

        back.Should().HaveCount(20);
        back.Should().OnlyContain(r => r.GetInt64("__data_partition__") == 2 * r.GetInt64("i"));
    }

    [Fact]
    public async Task MapBatches_OtherColumnsInALaterBatch_FailsNamingTheFunction()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var calls = 0;

        var act = () =>
            pond.FromItems(Enumerable.Range(0, 20))
                .MapBatches(
                    batch => calls++ == 0 ? batch : Renamed(batch, "other"),
                    new PondFunctionOptions { BatchRows = 10 }
                )
                .CountAsync();

        var error = (await act.Should().ThrowAsync<PondException>()).Which;
        error.Message.Should().Contain("other").And.Contain("item");
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task TenThousandColumns_GoThroughFilesAndAShuffle()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var columns = string.Join(
            ", ",
            Enumerable.Range(0, 10_000).Select(i => $"(range + {i})::SMALLINT as c{i}")
        );
        await pond.SqlPerPartition($"select {columns} from range(3)")
            .WriteParquetAsync(area["wide"]);

        var rows = await pond.ReadParquet(area["wide"])
            .RepartitionByHash(2, "c0")
            .Select("c0, c9999")
            .ToListAsync();

        rows.Select(r => r.GetInt32("c9999") - r.GetInt32("c0"))
            .Should()
            .Equal(9_999, 9_999, 9_999);
    }

    [Fact]
    public async Task LongString_OfManyMegabytes_ArrivesWhole()
    {
        const int length = 48 << 20;
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var rows = await pond.SqlPerPartition($"select repeat('x', {length - 1}) || 'y' as s")
            .RepartitionByHash(2, "s")
            .SqlPerPartition("select strlen(s) as n, right(s, 1) as last from {0}")
            .ToListAsync();

        rows.Single().GetInt64("n").Should().Be(length);
        rows.Single().GetString("last").Should().Be("y");
    }

    [Fact]
    public async Task Operators_CultureWithOtherNumbers_GiveTheSame()
    {
        var before = CultureInfo.CurrentCulture;
        var culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        culture.NumberFormat.NumberDecimalSeparator = ",";
        culture.NumberFormat.NumberGroupSeparator = ".";
        culture.NumberFormat.NegativeSign = "~";
        CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = culture;
        try
        {
            await using var area = new TestArea();
            var pond = await area.OpenAsync();
            var items = pond.FromItems(
                Enumerable.Range(0, 1000).Select(i => new { Id = -i, Info = i / 4.0 })
            );

            var rows = await items
                .Where("info >= 0.5")
                .Sample(0.5, seed: 3)
                .ShuffleRows(-5)
                .RepartitionByHash(3, "INFO")
                .OrderBy(3, "Info desc")
                .Limit(5)
                .ToListAsync();
            await items.WriteCsvAsync(area["csv"]);

            rows.Select(r => r.GetDouble("Info")).Should().BeInDescendingOrder();
            rows.Should().HaveCount(5);
            var text = await File.ReadAllTextAsync(
                Directory.GetFiles(area["csv"], "part-*").Single()
            );
            text.Should().Contain("-999,249.75").And.NotContain("~");
        }
        finally
        {
            CultureInfo.DefaultThreadCurrentCulture = null;
            CultureInfo.CurrentCulture = before;
        }
    }

    /// <summary>Partitions of stored results depend on these: an engine that hashes otherwise must be noticed.</summary>
    [Fact]
    public async Task RepartitionByHash_KnownKeys_GoToKnownPartitions()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var rows = await pond.SqlPerPartition(
                "select unnest(['', 'a', 'abc', 'Straße', '42', null]) as k, 7 as n"
            )
            .RepartitionByHash(97, "k", "n")
            .SqlPerPartition("select coalesce(k, 'null') as k, {__data_partition__} as p from {0}")
            .ToListAsync();

        string.Join(
                ' ',
                rows.OrderBy(r => r.GetString("k"), StringComparer.Ordinal)
                    .Select(r => r.GetString("k") + "=" + r.GetInt32("p"))
            )
            .Should()
            .Be("=85 42=41 Straße=13 a=48 abc=96 null=77");
    }

    [Fact]
    public async Task RepartitionByHash_HashThatIsNotThere_IsRefused()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync(o => o with { HashKind = HashKind.XxHash3 });

        pond.FromItems([1])
            .Invoking(f => f.RepartitionByHash(2, "item"))
            .Should()
            .Throw<NotSupportedException>()
            .WithMessage("*XxHash3*");
    }

    private static RecordBatch Renamed(RecordBatch batch, string name) =>
        new(
            new Schema([new Field(name, batch.Schema.FieldsList[0].DataType, true)], null),
            [batch.Column(0)],
            batch.Length
        );
}
