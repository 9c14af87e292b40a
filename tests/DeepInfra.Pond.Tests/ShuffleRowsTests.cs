// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Tests;

/// <summary>A repartition puts out as many rows as go in, or fails.</summary>
public sealed class ShuffleRowsTests : IAsyncDisposable
{
    private readonly TestArea _area = new();

    public ValueTask DisposeAsync() => _area.DisposeAsync();

    [Theory]
    [InlineData("stored", "lost")]
    [InlineData("stored", "repeated")]
    [InlineData("fused", "lost")]
    [InlineData("fused", "repeated")]
    [InlineData("no input", "lost")]
    [InlineData("range", "lost")]
    public async Task Repartition_WriterLosesOrRepeatsAFile_FailsWithBothCounts(
        string input,
        string fault
    )
    {
        var faults = 0;
        var pond = await _area.OpenAsync(o =>
            o with
            {
                MaxFailures = 0,
                ShuffleHook = written =>
                {
                    if (written.Count > 0 && Interlocked.Increment(ref faults) == 1)
                    {
                        return fault == "lost" ? written[1..] : [written[0], .. written];
                    }

                    return written;
                },
            }
        );
        var items = pond.FromItems(Enumerable.Range(0, 1000));
        var frame = input switch
        {
            "stored" => items.RepartitionByHash(4, "item"),
            "fused" => items.Where("item % 3 <> 0").RepartitionByHash(4, "item"),
            "no input" => pond.SqlPerPartition("select range as item from range(1000)")
                .RepartitionByKey(4, "item % 4"),
            _ => items.Where("item % 3 <> 0").RepartitionByRange(4, "item"),
        };

        var act = () => frame.ComputeAsync();

        var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which;
        error.Message.Should().Contain("rows went in").And.Contain("came out");
        // Without the fault the same work succeeds.
        (await frame.CountAsync())
            .Should()
            .Be(input is "fused" or "range" ? 666 : 1000);
    }

    [Theory]
    [InlineData("select range as i from range(10000)", 10_000)]
    [InlineData("select range as i from range(10000) where range % 7 = 0", 1429)]
    [InlineData("select range as i from range(100) union all select 7 from range(23)", 123)]
    [InlineData("select range // 10 as i, count(*) as n from range(10000) group by 1", 1000)]
    [InlineData("select range as i from range(10000) order by hash(range) limit 77", 77)]
    [InlineData("select range as i from range(10000) limit 3000 offset 10", 3000)]
    [InlineData("select unnest(range(range)) as i from range(50)", 1225)]
    [InlineData("select a.range as i from range(300) a join range(40) b on a.range = b.range", 40)]
    [InlineData("select distinct range % 9 as i from range(1000)", 9)]
    [InlineData(
        "with x as materialized (select range as i from range(50)) select * from x union all select * from x",
        100
    )]
    [InlineData(
        "with recursive t(i) as (select 1 union all select i + 1 from t where i < 500) select i from t",
        500
    )]
    [InlineData("select 1 as i where false", 0)]
    [InlineData("select range as i from range(100) where range < 0", 0)]
    public async Task CopyCounted_AnyQuery_CountsItsRows(string query, long expected)
    {
        using var pool = new DuckPool(_area["spill"], null, 1, 1);
        var duck = pool.Rent(2, 64 << 20);

        var (written, rows) = duck.CopyCounted(
            $"select *, (i % 3)::integer as p from ({query})",
            _area["out"],
            "FORMAT parquet, PARTITION_BY (p), OVERWRITE_OR_IGNORE true",
            CancellationToken.None
        );

        rows.Should().Be(expected);
        written.Sum(f => f.Rows).Should().Be(expected);
        pool.Return(duck);
    }
}
