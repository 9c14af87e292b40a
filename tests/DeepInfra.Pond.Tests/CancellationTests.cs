// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Execution;

namespace DeepInfra.Pond.Tests;

/// <summary>A cancelled action leaves nothing behind, and the same action succeeds afterwards.</summary>
public sealed class CancellationTests
{
    public static TheoryData<string, string> Moments()
    {
        var data = new TheoryData<string, string>();
        foreach (var action in new[] { "count", "write", "csv", "repartition", "sort", "sql" })
        {
            data.Add(action, nameof(FaultPoint.BeforeRun));
            data.Add(action, nameof(FaultPoint.AfterWrite));
            data.Add(action, nameof(FaultPoint.AfterCommit));
        }

        data.Add("write", nameof(FaultPoint.BeforePublish));
        data.Add("csv", nameof(FaultPoint.BeforePublish));
        return data;
    }

    [Theory]
    [MemberData(nameof(Moments))]
    public async Task Action_CancelledOnce_LeavesNothingAndThenSucceeds(
        string action,
        string moment
    )
    {
        await using var area = new TestArea();
        using var first = new CancellationTokenSource();
        var calls = 0;
        var pond = await area.OpenAsync(o =>
            o with
            {
                FaultHook = (point, _) =>
                {
                    // The second call: one task has begun or ended, others have not.
                    var wanted = moment == nameof(FaultPoint.BeforePublish) ? 1 : 2;
                    if (point.ToString() == moment && Interlocked.Increment(ref calls) == wanted)
                    {
                        first.Cancel();
                    }
                },
            }
        );

        var act = () => RunAsync(pond, action, area["out"], first.Token);

        (await act.Should().ThrowAsync<OperationCanceledException>())
            .Which.CancellationToken.Should()
            .Be(first.Token);
        Directory.GetFileSystemEntries(area.Root).Should().Equal(area.DataRoot);
        Directory
            .EnumerateDirectories(pond.JobDirectory, "attempt-*", SearchOption.AllDirectories)
            .Should()
            .BeEmpty();
        (await RunAsync(pond, action, area["out"], CancellationToken.None)).Should().Be(2000);
    }

    [Fact]
    public async Task RunningQuery_Cancelled_IsInterrupted()
    {
        await using var area = new TestArea();
        using var stop = new CancellationTokenSource();
        var pond = await area.OpenAsync(o =>
            o with
            {
                FaultHook = (point, _) =>
                {
                    if (point == FaultPoint.BeforeRun)
                    {
                        stop.CancelAfter(TimeSpan.FromMilliseconds(100));
                    }
                },
            }
        );
        // Hours of work: the test would time out if the query were not interrupted.
        var endless = pond.SqlPerPartition(
            "select sum(hash(a.range, b.range)) as s from range(10000000) a, range(10000000) b"
        );

        var act = () => endless.WriteParquetAsync(area["out"], cancellationToken: stop.Token);

        await act.Should().ThrowAsync<OperationCanceledException>();
        Directory.Exists(area["out"]).Should().BeFalse();
    }

    [Fact]
    public async Task RunningFunction_Cancelled_StopsAtTheNextBatch()
    {
        await using var area = new TestArea();
        using var stop = new CancellationTokenSource();
        var pond = await area.OpenAsync();
        var batches = 0;
        var frame = pond.SqlPerPartition("select range as i from range(10000000)")
            .MapBatches(
                batch =>
                {
                    Interlocked.Increment(ref batches);
                    stop.Cancel();
                    return batch;
                },
                options: new PondFunctionOptions { BatchRows = 1000 }
            );

        var act = () => frame.WriteParquetAsync(area["out"], cancellationToken: stop.Token);

        await act.Should().ThrowAsync<OperationCanceledException>();
        batches.Should().BeLessThan(100);
        Directory.Exists(area["out"]).Should().BeFalse();
    }

    [Fact]
    public async Task Session_DisposedDuringAnAction_StopsIt()
    {
        await using var area = new TestArea();
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var pond = await area.OpenAsync(o =>
            o with
            {
                FaultHook = (_, _) => started.TrySetResult(),
            }
        );
        var running = pond.SqlPerPartition(
                "select sum(hash(a.range, b.range)) as s from range(10000000) a, range(10000000) b"
            )
            .WriteParquetAsync(area["out"]);
        await started.Task;

        await pond.DisposeAsync();

        var act = () => running;
        await act.Should().ThrowAsync<Exception>();
        Directory.Exists(area["out"]).Should().BeFalse();
        Directory.GetFileSystemEntries(area.DataRoot).Should().BeEmpty();
    }

    [Fact]
    public async Task Session_DisposedByItsOwnWorker_DoesNotWaitForItself()
    {
        await using var area = new TestArea();
        PondSession? pond = null;
        var disposing = new TaskCompletionSource<Task>(
            TaskCreationOptions.RunContinuationsAsynchronously
        );
        pond = await area.OpenAsync(o =>
            o with
            {
                FaultHook = (_, _) => disposing.TrySetResult(pond!.DisposeAsync().AsTask()),
            }
        );

        var act = () => pond.FromItems(Enumerable.Range(0, 10)).WriteParquetAsync(area["out"]);

        await act.Should().ThrowAsync<Exception>();
        await (await disposing.Task).WaitAsync(TimeSpan.FromMinutes(1));
        Directory.GetFileSystemEntries(area.DataRoot).Should().BeEmpty();
    }

    /// <summary>Runs an action on 2000 rows in four partitions and returns the rows that it saw.</summary>
    private static async Task<long> RunAsync(
        PondSession pond,
        string action,
        string output,
        CancellationToken token
    )
    {
        var rows = pond.FromItems(Enumerable.Range(0, 2000)).RepartitionByRows(4);
        switch (action)
        {
            case "count":
                return await rows.Where("item >= 0").CountAsync(token);
            case "write":
                return (await rows.WriteParquetAsync(output, cancellationToken: token)).Rows;
            case "csv":
                return (await rows.WriteCsvAsync(output, cancellationToken: token)).Rows;
            case "repartition":
                return (
                    await rows.RepartitionByHash(3, "item")
                        .WriteParquetAsync(output, cancellationToken: token)
                ).Rows;
            case "sort":
                return (
                    await rows.OrderBy(4, "item desc")
                        .WriteParquetAsync(output, cancellationToken: token)
                ).Rows;
            default:
                var sums = await rows.SqlPerPartition("select count(*) as n from {0}")
                    .ToListAsync<long>(token);
                return sums.Sum();
        }
    }
}
