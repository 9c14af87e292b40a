// SPDX-License-Identifier: MIT
using Apache.Arrow;
using Apache.Arrow.Types;
using DeepInfra.Pond.Interop;

namespace DeepInfra.Pond.Tests;

/// <summary>Rows that the program holds in memory are read where they are, by any number of tasks.</summary>
public sealed class LiteralTests
{
    private static readonly Schema s_schema = new(
        [new Field("id", Int64Type.Default, false), new Field("text", StringType.Default, true)],
        null
    );

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    public async Task FromArrow_BatchesOfAnySizeCutByRows_GivesEveryRowOnceInOrder(int partitions)
    {
        await using var area = new TestArea();
        await using var pond = await area.OpenAsync();
        using var whole = Batch(0, 5000);
        RecordBatch[] batches =
        [
            Batch(0, 0),
            whole.SliceShared(0, 2049),
            Batch(0, 0),
            Batch(0, 0),
            whole.SliceShared(2049, 1),
            whole.SliceShared(2050, 2950),
            Batch(5000, 100),
            Batch(0, 0),
        ];

        var frame = pond.FromArrow(batches).RepartitionByRows(partitions);
        var sizes = await frame.ComputeAsync();
        var rows = await frame.ToListAsync<Row>();

        sizes.PartitionRows.Max().Should().BeLessThan(sizes.PartitionRows.Min() + 2);
        rows.Should().Equal(Enumerable.Range(0, 5100).Select(Expected));
    }

    [Fact]
    public async Task FromArrow_OneQueryReadsItTwice_SeesAllRowsTwice()
    {
        await using var area = new TestArea();
        await using var pond = await area.OpenAsync();
        var frame = pond.FromArrow(Batch(0, 10_000));

        var pairs = await pond.SqlPerPartition(
                "select count(*) as n, sum(a.id - b.id)::bigint as d from {0} a join {0} b using (text)",
                frame
            )
            .ToListAsync<Pairs>();

        // Every third text is NULL, which joins with nothing.
        pairs.Should().Equal(new Pairs(6666, 0));
    }

    [Fact]
    public async Task FromItems_WrittenByTwoThreads_KeepsTheirOrder()
    {
        await using var area = new TestArea();
        await using var pond = await area.OpenAsync();
        var items = Enumerable.Range(0, 300_000).Select(i => i * 7919 % 300_007).ToArray();

        await pond.FromItems(items).WriteParquetAsync(area["out"]);

        var read = await pond.ReadParquet(area["out"]).ToListAsync<int>();
        read.Should().Equal(items);
    }

    [Fact]
    public async Task FromItems_ShuffledByManyThreads_KeepsAllRows()
    {
        await using var area = new TestArea();
        await using var pond = await area.OpenAsync();

        var frame = pond.FromItems(Enumerable.Range(0, 300_000)).RepartitionByHash(16, "item");

        var rows = await frame.ToListAsync<int>();
        rows.Order().Should().Equal(Enumerable.Range(0, 300_000));
        (await frame.ComputeAsync()).PartitionRows.Should().OnlyContain(n => n > 17_000);
    }

    [Fact]
    public async Task FromItems_TogetherWithFiles_IsCutByRowsAndByFiles()
    {
        await using var area = new TestArea();
        await using var pond = await area.OpenAsync();
        await pond.FromItems(Enumerable.Range(0, 10)).WriteParquetAsync(area["files"]);
        var all = pond.ReadParquet(area["files"])
            .Union(
                pond.FromItems(Enumerable.Range(10, 7)),
                pond.FromItems(Enumerable.Range(17, 3))
            );

        (await all.RepartitionByRows(4).ComputeAsync()).PartitionRows.Should().Equal(5, 5, 5, 5);
        (await all.RepartitionByFiles(3).ComputeAsync()).PartitionRows.Should().Equal(10, 7, 3);
        (await all.RepartitionByRows(4).ToListAsync<int>()).Should().Equal(Enumerable.Range(0, 20));
    }

    [Fact]
    public async Task FromArrow_LaterRun_FindsResultsOfTheSameRowsOnly()
    {
        await using var area = new TestArea();
        for (var run = 0; run < 2; run++)
        {
            await using var pond = await area.OpenAsync(o => o with { JobId = "job" });
            foreach (var (rows, isNew) in new[] { (100, run == 0), (101 + run, true) })
            {
                var frame = pond.FromArrow(Batch(0, rows)).Select("id + 1 as id");
                await frame.ComputeAsync();
                var stage = pond.GetStages().Single(s => s.NodeId == frame.Node.Id);
                stage.TasksReused.Should().Be(isNew ? 0 : 1);
            }
        }
    }

    [Fact]
    public void ArrowRows_SlicesOfTheSameBuffers_CountThemOnce()
    {
        using var whole = Batch(0, 5000);
        var slices = Enumerable.Range(0, 50).Select(i => whole.SliceShared(i * 100, 100)).ToArray();

        var rows = new ArrowRows(s_schema, slices);
        var same = new ArrowRows(s_schema, [whole]);

        rows.Bytes.Should().Be(same.Bytes);
        rows.Count.Should().Be(5000);
        rows.Hash.Should().NotBe(same.Hash);
        rows.Hash.Should().Be(new ArrowRows(s_schema, slices).Hash);
    }

    private static Row Expected(int id) => new(id, id % 3 == 0 ? null : $"text of row {id}");

    private static RecordBatch Batch(int first, int count)
    {
        var ids = new Int64Array.Builder();
        var texts = new StringArray.Builder();
        for (var i = first; i < first + count; i++)
        {
            ids.Append(i);
            texts.Append(Expected(i).Text);
        }

        return new RecordBatch(s_schema, [ids.Build(), texts.Build()], count);
    }

    private sealed record Row(long Id, string? Text);

    private sealed record Pairs(long N, long D);
}
