// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Tests;

/// <summary>Files that have no row ranges must not vanish from a split by rows.</summary>
public sealed class SplitRowsFormatTests
{
    private static readonly PondSchema s_columns = PondSchema.Create(("id", "BIGINT"));

    [Fact]
    public async Task RepartitionByRows_CsvFile_IsRefused()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var path = area.Write("in/a.csv", "1\n2\n3\n");

        var count = () => pond.ReadCsv(path, s_columns).RepartitionByRows(2).CountAsync();

        await RefusesAsync(count);
    }

    [Fact]
    public async Task RepartitionByRows_JsonLinesFile_IsRefused()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var path = area.Write("in/a.jsonl", "{\"id\":1}\n{\"id\":2}\n");

        var count = () => pond.ReadJsonLines(path, s_columns).RepartitionByRows(2).CountAsync();

        await RefusesAsync(count);
    }

    [Fact]
    public async Task RepartitionByRows_CsvBesideParquet_IsRefused()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var target = Path.Combine(area.Root, "out");
        await pond.FromItems(Enumerable.Range(0, 10))
            .Select("CAST(item AS BIGINT) AS id")
            .WriteParquetAsync(target);
        var csv = pond.ReadCsv(area.Write("in/a.csv", "1\n2\n3\n"), s_columns);

        var count = () => pond.ReadParquet(target).Union(csv).RepartitionByRows(2).CountAsync();

        await RefusesAsync(count);
    }

    [Fact]
    public async Task RepartitionByRows_CsvThatWasSelected_KeepsEveryRow()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var csv = pond.ReadCsv(area.Write("in/a.csv", "1\n2\n3\n"), s_columns);

        var rows = await csv.Select("id").RepartitionByRows(2).ToListAsync<long>();

        rows.Should().Equal(1, 2, 3);
    }

    private static async Task RefusesAsync(Func<Task> action)
    {
        var failure = (await action.Should().ThrowAsync<PondException>()).Which;
        failure.Message.Should().Contain("Only Parquet can be split by rows");
        failure.GetBaseException().Should().BeOfType<PondPlanException>();
    }
}
