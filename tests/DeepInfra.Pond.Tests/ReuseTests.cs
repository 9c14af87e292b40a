// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Tests;

/// <summary>Stored results are used again when, and only when, they are still those of the same work.</summary>
public sealed class ReuseTests
{
    private static readonly PondFunctionOptions s_named = new() { Name = "add", Version = "1" };

    [Fact]
    public async Task ReadParquet_OutputOverwrittenWithEqualSizes_IsReadAgain()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var plain = new ParquetWriteOptions { Compression = ParquetCompression.Uncompressed };
        Task<PondWriteResult> WriteAsync(params int[] values) =>
            pond.FromItems(values).WriteParquetAsync(area["out"], WriteMode.Overwrite, plain);
        Task<IReadOnlyList<long>> SumAsync() =>
            pond.ReadParquet(area["out"])
                .SqlPerPartition("select sum(item)::bigint from {0}")
                .ToListAsync<long>();

        var first = await WriteAsync(1, 2, 3);
        var before = await SumAsync();
        var second = await WriteAsync(4, 5, 6);
        var after = await SumAsync();

        second.Files.Should().Equal(first.Files, "the test needs files of equal names and sizes");
        before.Should().Equal(6);
        after.Should().Equal(15);
    }

    [Fact]
    public async Task ReadParquet_OutputOverwritten_ResumedJobReadsItAgain()
    {
        await using var area = new TestArea();
        var plain = new ParquetWriteOptions { Compression = ParquetCompression.Uncompressed };
        var sums = new List<long>();
        for (var run = 1; run <= 2; run++)
        {
            var value = run;
            await using (var writer = await area.OpenAsync())
            {
                await writer
                    .FromItems([value])
                    .WriteParquetAsync(area["out"], WriteMode.Overwrite, plain);
            }

            await using var pond = await area.OpenAsync(o =>
                o with
                {
                    JobId = "job",
                    KeepIntermediates = true,
                }
            );
            sums.AddRange(
                await pond.ReadParquet(area["out"])
                    .SqlPerPartition("select sum(item)::bigint from {0}")
                    .ToListAsync<long>()
            );
        }

        sums.Should().Equal(1, 2);
    }

    [Theory]
    [InlineData("1", "1", 1)]
    [InlineData("1", "2", 2)]
    [InlineData(null, null, 2)]
    public async Task PondFunctionOptions_Version_DecidesWhetherALaterRunReusesTheResults(
        string? first,
        string? second,
        int expectedCalls
    )
    {
        await using var area = new TestArea();
        var calls = 0;
        foreach (var version in new[] { first, second })
        {
            await using var pond = await area.OpenAsync(o =>
                o with
                {
                    JobId = "job",
                    KeepIntermediates = true,
                }
            );
            var run = pond.FromItems([1, 2, 3])
                .MapBatches(
                    batch =>
                    {
                        Interlocked.Increment(ref calls);
                        return batch;
                    },
                    new PondFunctionOptions { Name = "same", Version = version }
                );
            (await run.ToListAsync<int>()).Should().Equal(1, 2, 3);
        }

        calls.Should().Be(expectedCalls);
    }

    [Fact]
    public async Task Observations_ResumedJobDoesTheWorkAgain_CountEachRowOnce()
    {
        await using var area = new TestArea();
        var expected = new Dictionary<string, double> { ["rows"] = 10, ["sum"] = 45 };
        for (var run = 0; run < 2; run++)
        {
            await using var pond = await area.OpenAsync(o => o with { JobId = "job" });
            var seen = pond.FromItems(Enumerable.Range(0, 10))
                .RepartitionByRows(2)
                .Observe("seen", ("rows", "count(*)"), ("sum", "sum(item)"));
            var written = await seen.WriteParquetAsync(area["out"]);
            written.Reused.Should().Be(run == 1);
            pond.GetObservations()["seen"].Should().Equal(expected);

            // Its intermediate results are gone, so another action measures the rows anew.
            await seen.Select("item + 1 as item")
                .WriteParquetAsync(area[FormattableString.Invariant($"more{run}")]);
            pond.GetObservations()["seen"].Should().Equal(expected);
        }
    }

    [Theory]
    [InlineData(CacheScope.Root, 1)]
    [InlineData(CacheScope.Job, 2)]
    public async Task CacheScope_OtherJobOnTheSameRoot_ReusesOnlyWithRoot(
        CacheScope scope,
        int expectedCalls
    )
    {
        await using var area = new TestArea();
        var calls = 0;
        foreach (var job in new[] { "first", "second" })
        {
            await using var pond = await area.OpenAsync(o =>
                o with
                {
                    JobId = job,
                    CacheScope = scope,
                }
            );
            (await Counted(pond, () => Interlocked.Increment(ref calls)).ToListAsync<int>())
                .Should()
                .Equal(2, 3, 4);
        }

        calls.Should().Be(expectedCalls);
    }

    [Fact]
    public async Task Recompute_ComputedFrame_RunsItAndWhatDependsOnItAgain()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var calls = 0;
        var first = Counted(pond, () => Interlocked.Increment(ref calls));
        var second = first.Select("item * 10 as item");
        await second.ComputeAsync();
        await second.ComputeAsync();
        calls.Should().Be(1);

        first.Recompute();
        var rows = await second.ToListAsync<int>();

        calls.Should().Be(2);
        rows.Should().Equal(20, 30, 40);
        pond.GetStages().Single(s => s.NodeId == second.Node.Id).TasksDone.Should().Be(2);
    }

    [Fact]
    public async Task Recompute_FrameThatIsFusedIntoAnother_RunsTheOtherAgain()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var random = pond.FromItems([1]).Select("random() as x");
        var rows = random.SqlPerPartition("select x::varchar as x from {0}");
        var before = await rows.ToListAsync<string>();
        (await rows.ToListAsync<string>()).Should().Equal(before);

        random.Recompute();
        var after = await rows.ToListAsync<string>();

        after.Should().NotEqual(before);
    }

    [Theory]
    [InlineData("union")]
    [InlineData("coalesce")]
    [InlineData("observe")]
    public async Task Recompute_StepThatOnlyPassesPartitionsOn_RunsItsInputsAgain(string step)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var calls = 0;
        var input = Counted(pond, () => Interlocked.Increment(ref calls));
        var frame = step switch
        {
            "union" => input.Union(pond.FromItems([7])),
            "coalesce" => input.Coalesce(1),
            _ => input.Observe("seen", ("rows", "count(*)")),
        };
        await frame.ComputeAsync();
        frame.IsComputed.Should().BeTrue();

        frame.Recompute().IsComputed.Should().BeFalse();
        await frame.ComputeAsync();

        calls.Should().Be(2);
    }

    [Theory]
    [InlineData("observed")]
    [InlineData("input")]
    public async Task Recompute_ObservedFrame_CountsEachRowOnce(string which)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var offset = 0;
        var input = pond.FromItems(Enumerable.Range(1, 10))
            .RepartitionByRows(2)
            .Select(row => row.GetInt32("item") + offset, s_named);
        var frame = input
            .Select("*")
            .Observe("seen", ("rows", "count(*)"), ("sum", "sum(COLUMNS(*))"));
        await frame.ComputeAsync();
        var before = pond.GetObservations()["seen"];

        offset = 100;
        input.Recompute();
        if (which == "observed")
        {
            frame.Recompute();
        }

        await frame.ComputeAsync();
        await frame.ComputeAsync();

        before.Should().Equal(new Dictionary<string, double> { ["rows"] = 10, ["sum"] = 55 });
        pond.GetObservations()["seen"]
            .Should()
            .Equal(new Dictionary<string, double> { ["rows"] = 10, ["sum"] = 1055 });
    }

    [Fact]
    public async Task IsComputed_FailedAndCancelledActions_StaysFalseUntilOneSucceeds()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var fail = true;
        var frame = pond.FromItems([1, 2])
            .Select(
                row => fail ? throw new InvalidDataException("not yet") : row.GetInt32("item"),
                s_named
            );

        frame.IsComputed.Should().BeFalse();
        await frame.Awaiting(f => f.ComputeAsync()).Should().ThrowAsync<PondJobFailedException>();
        frame.IsComputed.Should().BeFalse();
        fail = false;
        await frame
            .Awaiting(f => f.ComputeAsync(new CancellationToken(true)))
            .Should()
            .ThrowAsync<OperationCanceledException>();
        frame.IsComputed.Should().BeFalse();
        await frame.ComputeAsync();
        frame.IsComputed.Should().BeTrue();
    }

    [Fact]
    public async Task WaitAllAsync_FramesWithOneInput_ComputeItOnce()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var calls = 0;
        var input = Counted(pond, () => Interlocked.Increment(ref calls));
        var low = input.Where("item < 3");
        var high = input.Where("item >= 3");

        await pond.WaitAllAsync([low, high]);

        low.IsComputed.Should().BeTrue();
        high.IsComputed.Should().BeTrue();
        (await low.ToListAsync<int>()).Should().Equal(2);
        (await high.ToListAsync<int>()).Should().Equal(3, 4);
        calls.Should().Be(1);
    }

    [Fact]
    public async Task Action_RightAfterOneThatLeavesItsResults_ComputesThemAgain()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync(o => o with { Cores = 4, MaxFailures = 0 });
        var hashed = pond.FromItems(Enumerable.Range(0, 100)).RepartitionByHash(16, "item");

        // Each action drops the files of the shuffle at its end, on other threads.
        for (var i = 0; i < 16; i++)
        {
            var rows = await pond.SqlSinglePartition(
                    $"select sum(item) + {i} as s from {{0}}",
                    hashed
                )
                .ToListAsync<long>();
            rows.Should().Equal(4950 + i);
        }

        pond.GetStages().Single(s => s.Kind == "shuffle").TasksReused.Should().Be(0);
    }

    [Fact]
    public async Task Store_ResultWithoutManifest_IsReplaced()
    {
        await using var area = new TestArea();
        var removed = 0;
        for (var run = 0; run < 2; run++)
        {
            await using var pond = await area.OpenAsync(o =>
                o with
                {
                    JobId = "job",
                    KeepIntermediates = true,
                    MaxFailures = 0,
                }
            );
            var rows = await pond.FromItems([3, 1, 2])
                .RepartitionByHash(2, "item")
                .OrderBy(2, "item")
                .ToListAsync<int>();
            rows.Should().Equal(1, 2, 3);
            var store = Path.Combine(pond.JobDirectory, "store");
            foreach (
                var file in Directory.EnumerateFiles(
                    store,
                    "manifest.json",
                    SearchOption.AllDirectories
                )
            )
            {
                File.Delete(file);
                removed++;
            }
        }

        removed.Should().BeGreaterThan(8);
    }

    /// <summary>1, 2, 3 plus one; the action runs once per batch, so once per run of the step.</summary>
    private static PondFrame Counted(PondSession pond, Action run) =>
        pond.FromItems([1, 2, 3])
            .MapBatches(
                batch =>
                {
                    run();
                    return batch;
                },
                s_named
            )
            .Select("item + 1 as item")
            .Named("counted");
}
