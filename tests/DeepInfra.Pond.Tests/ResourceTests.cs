// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Pond.Execution;

namespace DeepInfra.Pond.Tests;

/// <summary>Limits of cores, memory and spilled bytes, and what happens above them.</summary>
public sealed class ResourceTests
{
    [Fact]
    public async Task OutOfMemory_TaskAboveTheWholeBudget_FailsWithTheLimitAfterEveryStep()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync(o => o with { MemoryBudget = 64L << 20 });
        // Lists cannot spill.
        var frame = pond.SqlPerPartition("select len(list(range)) as n from range(40000000)");

        var act = () => frame.ToListAsync<long>();

        var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which;
        var memory = error.Errors[0].Should().BeOfType<PondOutOfMemoryException>().Which;
        memory.LimitBytes.Should().Be(64L << 20);
        // Half of the budget for one of two cores, all of it, all of it with one thread.
        memory.Attempt.Should().Be(3);
        memory.Message.Should().Contain("MemoryBudget").And.Contain("WithResources");
    }

    [Fact]
    public async Task OutOfMemory_TaskAboveItsShare_SucceedsWithMore()
    {
        await using var area = new TestArea();
        var attempts = 0;
        var pond = await area.OpenAsync(o =>
            o with
            {
                MemoryBudget = 1L << 30,
                BoostFinalPhase = false,
                FaultHook = (point, _) => attempts += point == FaultPoint.BeforeRun ? 1 : 0,
            }
        );
        var frame = pond.SqlPerPartition("select len(list(range)) as n from range(5000000)")
            .WithResources(memoryBytes: 32L << 20);

        var rows = await frame.ToListAsync<long>();

        rows.Should().Equal(5_000_000);
        attempts.Should().BeGreaterThan(1);
    }

    [Theory]
    [InlineData(0, "0 bytes")]
    [InlineData(100_000, "24.0 KiB")]
    [InlineData(10 << 20, "2.5 MiB")]
    public async Task MaxSpillBytes_SmallOrLarge_IsCutIntoPartsThatDoNotExceedIt(
        long bytes,
        string expected
    )
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync(o => o with { Cores = 3, MaxSpillBytes = bytes });

        var rows = await pond.SqlPerPartition(
                "select current_setting('max_temp_directory_size') as s"
            )
            .ToListAsync<string>();

        rows.Should().Equal(expected);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(12 << 20)]
    public async Task MaxSpillBytes_QueryThatSpillsMore_FailsAsStorage(long bytes)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync(o =>
            o with
            {
                MemoryBudget = 64L << 20,
                MaxSpillBytes = bytes,
                MaxFailures = 0,
            }
        );
        var frame = pond.SqlPerPartition(
            "select hash(range) as h from range(20000000) order by h limit 1 offset 10000000"
        );

        var act = () => frame.ToListAsync();

        var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which;
        error.Errors[0].Should().BeOfType<PondStorageException>();
        error.Message.Should().Contain("max_temp_directory_size");
    }

    [Theory]
    [InlineData(false, 1, 1)]
    [InlineData(false, 2, 2)]
    [InlineData(false, 9, 3)]
    [InlineData(true, 1, 3)]
    public async Task WithResources_Cores_AreTheThreadsOfTheTask(
        bool boost,
        int cores,
        int expected
    )
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync(o => o with { Cores = 3, BoostFinalPhase = boost });

        var rows = await pond.SqlPerPartition("select current_setting('threads')::bigint as n")
            .WithResources(cores)
            .ToListAsync<long>();

        rows.Should().Equal(expected);
    }

    [Fact]
    public async Task Cores_FunctionsOfManyPartitions_NeverExceedThem()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync(o => o with { Cores = 2 });
        var running = 0;
        var seen = new ConcurrentBag<int>();

        await pond.FromItems(Enumerable.Range(0, 12))
            .RepartitionByRows(12)
            .MapStream(
                (batches, _) =>
                {
                    seen.Add(Interlocked.Increment(ref running));
                    Thread.Sleep(5);
                    Interlocked.Decrement(ref running);
                    return batches;
                }
            )
            .ComputeAsync();

        seen.Max().Should().BeLessThanOrEqualTo(2);
        seen.Should().HaveCount(12);
    }

    [Fact]
    public async Task WithResources_OutOfRange_Throws()
    {
        await using var area = new TestArea();
        var frame = (await area.OpenAsync()).FromItems([1]);

        frame
            .Invoking(f => f.WithResources(0))
            .Should()
            .Throw<ArgumentOutOfRangeException>()
            .Which.ParamName.Should()
            .Be("cores");
        frame
            .Invoking(f => f.WithResources(1, 1 << 20))
            .Should()
            .Throw<ArgumentOutOfRangeException>()
            .Which.ParamName.Should()
            .Be("memoryBytes");
    }
}
