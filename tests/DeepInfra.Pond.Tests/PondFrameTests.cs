// SPDX-License-Identifier: MIT
using Apache.Arrow;
using Apache.Arrow.Types;

namespace DeepInfra.Pond.Tests;

public sealed class PondFrameTests
{
    private sealed record Item(long Id, string? Name, double Score);

    private static IEnumerable<Item> Items(int count) =>
        Enumerable.Range(0, count).Select(i => new Item(i, i % 10 == 3 ? null : "n" + i, i / 2.0));

    [Fact]
    public async Task FromItems_Records_ReturnSameRows()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var rows = await pond.FromItems(Items(100)).ToListAsync<Item>();

        rows.Should().Equal(Items(100));
    }

    [Fact]
    public async Task FromItems_Scalars_BecomeColumnItem()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var rows = await pond.FromItems([1, 2, 3]).Select("item * 2 as item").ToListAsync<long>();

        rows.Should().Equal(2, 4, 6);
    }

    [Fact]
    public async Task WhereAndSelect_SqlForms_FilterAndProject()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var rows = await pond.FromItems(Items(100))
            .Where("id >= 90")
            .Select("id, upper(name) as name")
            .Where("name is not null")
            .ToListAsync();

        rows.Should().HaveCount(9);
        rows[0].GetInt64("id").Should().Be(90);
        rows[0].GetString("name").Should().Be("N90");
    }

    [Fact]
    public async Task Where_Function_KeepsMatchingRows()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var rows = await pond.FromItems(Items(5000))
            .RepartitionByRows(3)
            .Where(r => r.GetInt64("Id") % 7 == 0)
            .ToListAsync<Item>();

        rows.Should().Equal(Items(5000).Where(i => i.Id % 7 == 0));
    }

    [Fact]
    public async Task Select_Function_ComputesRows()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var rows = await pond.FromItems(Items(5000))
            .Select(r => new { Key = r.GetString("Name"), Tags = new[] { r.GetInt32("Id"), 1 } })
            .ToListAsync();

        rows.Should().HaveCount(5000);
        rows[3].IsNull("Key").Should().BeTrue();
        rows[4].GetString("Key").Should().Be("n4");
        rows[4]["Tags"].Should().BeEquivalentTo(new[] { 4, 1 });
    }

    [Fact]
    public async Task SelectMany_Function_ReturnsAllRows()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var rows = await pond.FromItems([3, 0, 2])
            .SelectMany(r => Enumerable.Repeat(r.GetInt32("item"), r.GetInt32("item")))
            .ToListAsync<int>();

        rows.Should().Equal(3, 3, 3, 2, 2);
    }

    [Fact]
    public async Task MapBatches_BatchSize_IsExact()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var sizes = new List<int>();

        var count = await pond.FromItems(Enumerable.Range(0, 1000))
            .MapBatches(
                batch =>
                {
                    lock (sizes)
                    {
                        sizes.Add(batch.Length);
                    }

                    return batch;
                },
                new PondFunctionOptions { BatchRows = 350 }
            )
            .CountAsync();

        count.Should().Be(1000);
        sizes.Should().Equal(350, 350, 300);
    }

    [Fact]
    public async Task MapBatches_EmptyPartition_KeepsColumns()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var frame = pond.FromItems(Enumerable.Range(0, 10)).Where("item < 0").MapBatches(b => b);

        (await frame.ToListAsync()).Should().BeEmpty();
        (await frame.Select("item + 1 as x").CountAsync()).Should().Be(0);
    }

    [Fact]
    public async Task FromArrow_RoundTrip_ReturnsSameValues()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var schema = new Schema(
            [new Field("a", Int32Type.Default, true), new Field("s", StringType.Default, true)],
            null
        );
        var batch = new RecordBatch(
            schema,
            [
                new Int32Array.Builder().Append(1).AppendNull().Append(3).Build(),
                new StringArray.Builder().Append("x").Append("").AppendNull().Build(),
            ],
            3
        );

        var batches = await pond.FromArrow(batch, batch).ToArrowAsync();

        batches.Sum(b => b.Length).Should().Be(6);
        var first = (Int32Array)batches[0].Column("a");
        first.GetValue(0).Should().Be(1);
        first.GetValue(1).Should().BeNull();
        ((StringArray)batches[0].Column("s")).GetString(1).Should().Be("");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(16)]
    public async Task RepartitionByHash_AnyCount_KeepsRowsAndGroupsKeys(int count)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var hashed = pond.FromItems(Items(2000))
            .Select("id % 50 as k, *")
            .RepartitionByHash(count, "k");
        var groups = await hashed
            .SqlPerPartition(
                "select k, {__data_partition__} as p, count(*) as n from {0} group by k"
            )
            .ToListAsync();

        groups.Should().HaveCount(50);
        groups.Sum(g => g.GetInt64("n")).Should().Be(2000);
        (await hashed.CountAsync()).Should().Be(2000);
    }

    [Fact]
    public async Task RepartitionByKey_OutOfRange_NamesValueAndRange()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var act = () =>
            pond.FromItems(Enumerable.Range(0, 11)).RepartitionByKey(10, "item").ComputeAsync();

        var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which;
        error.InnerException.Should().BeOfType<PondPartitionKeyException>();
        error.Message.Should().Contain("partition key 10 is out of range 0-9");
    }

    [Fact]
    public async Task RepartitionByKey_ValidKeys_PutsRowsInTheirPartitions()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var rows = await pond.FromItems(Enumerable.Range(0, 100))
            .RepartitionByKey(10, "item % 10")
            .SqlPerPartition("select distinct item % 10 as k, {__data_partition__} as p from {0}")
            .ToListAsync();

        rows.Select(r => r.GetInt32("k")).Should().Equal(Enumerable.Range(0, 10));
        rows.Should().OnlyContain(r => r.GetInt32("k") == r.GetInt32("p"));
    }

    [Theory]
    [InlineData("Id desc")]
    [InlineData("Name", "Id")]
    [InlineData("Score % 10 desc", "Name desc nulls first", "Id")]
    public async Task OrderBy_AnyKeys_EqualsReference(params string[] keys)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var items = pond.FromItems(Items(3000));
        var order = string.Join(", ", keys);

        var sorted = await items.OrderBy(5, keys).ToListAsync<Item>();

        var reference = await pond.SqlSinglePartition(
                "select row_number() over (order by " + order + ") as n, * from {0}",
                items
            )
            .SqlPerPartition("select * exclude (n) from {0} order by n")
            .ToListAsync<Item>();
        sorted.Should().Equal(reference);
    }

    [Fact]
    public async Task ShuffleRows_SameSeed_SameOrderWhateverTheCores()
    {
        await using var area = new TestArea();
        var orders = new List<IReadOnlyList<long>>();
        foreach (var cores in new[] { 1, 2, 4 })
        {
            var pond = await area.OpenAsync(o => o with { Cores = cores });
            orders.Add(
                await pond.FromItems(Enumerable.Range(0, 1000))
                    .RepartitionByRows(3)
                    .ShuffleRows(seed: 5)
                    .ToListAsync<long>()
            );
        }

        orders[1].Should().Equal(orders[0]);
        orders[2].Should().Equal(orders[0]);
        orders[0].Order().Should().Equal(Enumerable.Range(0, 1000).Select(i => (long)i));
        var inversions = 0;
        for (var i = 0; i < 1000; i++)
        {
            for (var j = i + 1; j < 1000; j++)
            {
                inversions += orders[0][i] > orders[0][j] ? 1 : 0;
            }
        }

        inversions.Should().BeInRange(220_000, 280_000);
    }

    [Fact]
    public async Task Limit_OrderedFrame_ReturnsFirstRows()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var rows = await pond.FromItems(Items(1000))
            .OrderBy(4, "Id desc")
            .Limit(3)
            .ToListAsync<Item>();

        rows.Select(r => r.Id).Should().Equal(999, 998, 997);
    }

    [Fact]
    public async Task SqlPerPartition_NoInputHugeGeneratorWithLimit_IsFast()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var rows = await pond.SqlPerPartition("select * from range(1000000000)").TakeAsync(2);

        rows.Should().HaveCount(2);
    }

    [Fact]
    public async Task SqlPerPartition_BracesInText_AreLiteral()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var rows = await pond.FromItems([1])
            .SqlPerPartition("select {'a': item}.a as v, '{x}' as t from {0}")
            .ToListAsync();

        rows[0].GetInt64("v").Should().Be(1);
        rows[0].GetString("t").Should().Be("{x}");
    }

    [Fact]
    public async Task SqlPerPartition_WrongSql_FailsAtPlanningWithQueryAndPosition()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var act = () => pond.FromItems([1]).SqlPerPartition("select nothing from {0}").CountAsync();

        var error = (await act.Should().ThrowAsync<PondSqlException>()).Which;
        error.Message.Should().Contain("nothing").And.Contain("select nothing from");
        error.SourceLocation.Should().StartWith("PondFrameTests.cs:");
    }

    [Fact]
    public async Task SqlPerPartition_DifferentCounts_IsRefused()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var a = pond.FromItems(Enumerable.Range(0, 10)).RepartitionByRows(2);
        var b = pond.FromItems(Enumerable.Range(0, 10)).RepartitionByRows(3);

        var act = () => pond.SqlPerPartition("select * from {0} join {1} using (item)", a, b);

        act.Should().Throw<PondPlanException>().WithMessage("*2, 3*");
    }

    [Fact]
    public async Task SqlPerPartition_Join_MatchesOnHashPartitions()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var left = pond.FromItems(Items(500)).RepartitionByHash(3, "Id");
        var right = pond.FromItems(Enumerable.Range(0, 1000)).RepartitionByHash(3, "item");

        var joined = pond.SqlPerPartition("select Id from {0} join {1} on Id = item", left, right);

        (await joined.CountAsync()).Should().Be(500);
    }

    [Fact]
    public async Task Union_FramesWithDifferentPartitions_ConcatenatesThem()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var a = pond.FromItems(Enumerable.Range(0, 10)).RepartitionByRows(2);
        var b = pond.FromItems(Enumerable.Range(10, 5));

        var union = a.Union(b);

        union.PartitionCount.Should().Be(3);
        (await union.ToListAsync<int>()).Should().Equal(Enumerable.Range(0, 15));
    }

    [Fact]
    public async Task Observe_FusedAndStored_SumsOverPartitions()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        await pond.FromItems(Items(100))
            .RepartitionByRows(4)
            .Where("Id % 2 = 0")
            .Observe("even", ("rows", "count(*)"), ("ids", "sum(Id)"))
            .MapBatches(b => b)
            .Observe("mapped", ("rows", "count(*)"))
            .CountAsync();

        var values = pond.GetObservations();
        values["even"]["rows"].Should().Be(50);
        values["even"]["ids"].Should().Be(Enumerable.Range(0, 50).Sum(i => 2 * i));
        values["mapped"]["rows"].Should().Be(50);
    }

    [Fact]
    public async Task Sample_SameSeed_IndependentOfPartitions()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var items = pond.FromItems(Enumerable.Range(0, 10_000));

        var one = await items.Sample(0.1, seed: 3).ToListAsync<int>();
        var many = await items.RepartitionByRows(7).Sample(0.1, seed: 3).ToListAsync<int>();

        many.Should().BeEquivalentTo(one);
        one.Count.Should().BeInRange(850, 1150);
    }
}
