// SPDX-License-Identifier: MIT
using Apache.Arrow;
using DeepInfra.Fs;
using DeepInfra.Pond.Execution;
using Microsoft.Extensions.Logging;

namespace DeepInfra.Pond.Tests;

/// <summary>Ways to get at the rows of a frame, and options that change how they are computed.</summary>
public sealed class FrameActionTests
{
    private static IEnumerable<int> Numbers => Enumerable.Range(0, 10_000);

    [Fact]
    public async Task AnyAndFirst_EmptyAndNot_TellThem()
    {
        await using var area = new TestArea();
        var rows = (await area.OpenAsync()).FromItems(Numbers);

        (await rows.AnyAsync()).Should().BeTrue();
        (await rows.Where("item < 0").AnyAsync()).Should().BeFalse();
        (await rows.Where("item > 41").FirstAsync()).GetInt32("item").Should().Be(42);
        await rows.Where("item < 0")
            .Awaiting(r => r.FirstAsync())
            .Should()
            .ThrowAsync<InvalidOperationException>();
        await rows.Awaiting(r => r.TakeAsync(-1))
            .Should()
            .ThrowAsync<ArgumentOutOfRangeException>();
        (await rows.TakeAsync(0)).Should().BeEmpty();
    }

    [Fact]
    public async Task ToArrowBatchesAsync_ManyPartitions_StreamsSmallBatchesInOrder()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var values = new List<int>();

        await foreach (
            var batch in pond.FromItems(Numbers).RepartitionByRows(3).ToArrowBatchesAsync()
        )
        {
            batch.Length.Should().BeInRange(1, 2048);
            values.AddRange(((Int32Array)batch.Column("item")).Values);
        }

        values.Should().Equal(Numbers);
    }

    [Fact]
    public async Task ToAsyncEnumerable_LeftEarly_StopsReadingAndTheSessionGoesOn()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var frame = pond.SqlPerPartition("select range as i from range(3000000)");
        var taken = new List<long>();

        await foreach (var i in frame.ToAsyncEnumerable<long>())
        {
            taken.Add(i);
            if (taken.Count == 3)
            {
                break;
            }
        }

        taken.Should().OnlyHaveUniqueItems().And.HaveCount(3);
        (await frame.CountAsync()).Should().Be(3_000_000);
    }

    [Fact]
    public async Task ToAsyncEnumerable_CancelledBetweenRows_Throws()
    {
        await using var area = new TestArea();
        using var stop = new CancellationTokenSource();
        var pond = await area.OpenAsync();
        var frame = pond.SqlPerPartition("select range as i from range(3000000)");
        var read = 0;

        var act = async () =>
        {
            await foreach (var _ in frame.ToAsyncEnumerable<long>(stop.Token))
            {
                if (++read == 10)
                {
                    await stop.CancelAsync();
                }
            }
        };

        await act.Should().ThrowAsync<OperationCanceledException>();
        read.Should().BeInRange(10, 2_999_999);
    }

    [Fact]
    public async Task MapStream_StateAcrossBatches_IsOnePerPartition()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var calls = 0;

        var rows = await pond.FromItems(Numbers)
            .RepartitionByRows(3)
            .Coalesce(3)
            .MapStream(
                (batches, context) =>
                {
                    Interlocked.Increment(ref calls);
                    return Sums(batches, context);
                },
                new PondFunctionOptions { BatchRows = 100, Name = "sums" }
            )
            .Named("sums")
            .ToListAsync<int>();

        calls.Should().Be(3);
        var expected = new[] { 0..3334, 3334..6667, 6667..10_000 }
            .Select(r => Numbers.Take(r).Sum())
            .ToArray();
        rows.Should().Equal(expected);
        var seen = pond.GetObservations()["sums"];
        seen["batches"].Should().Be(34 + 34 + 34);
        seen["partitions"].Should().Be(0 + 1 + 2 + 3 * 3);
    }

    [Fact]
    public async Task Explain_Chain_ListsStepsWithInputsAndPlaces()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var frame = pond.FromItems([1, 2])
            .RepartitionByHash(4, "item")
            .Named("spread")
            .SqlPerPartition("select count(*) as n\nfrom {0}");

        var lines = frame.Explain().Split(Environment.NewLine);

        lines.Should().HaveCount(3);
        lines[1].Should().Contain("shuffle 'spread' [4] <- #").And.Contain("hash of item");
        lines[2].Should().Contain("select count(*) as n from {0}").And.Contain("FrameActionTests");
        frame.IsComputed.Should().BeFalse();
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 3)]
    public async Task FuseSql_ChainOfThree_RunsAsOneStepOrThree(bool fuse, int steps)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync(o => o with { FuseSql = fuse });

        var rows = await pond.FromItems(Numbers)
            .Where("item % 2 = 0")
            .Select("item + 1 as item")
            .Where("item < 6")
            .ToListAsync<int>();

        rows.Should().Equal(1, 3, 5);
        pond.GetStages().Count(s => s.Kind == "sql").Should().Be(steps);
    }

    [Fact]
    public async Task FailFast_TransientError_IsNotRepeated()
    {
        await using var area = new TestArea();
        var attempts = 0;
        var pond = await area.OpenAsync(o =>
            o with
            {
                FailFast = true,
                FaultHook = (point, _) =>
                {
                    if (point == FaultPoint.AfterWrite)
                    {
                        Interlocked.Increment(ref attempts);
                        throw new IOException("the disk had a moment");
                    }
                },
            }
        );

        var act = () => pond.FromItems([1]).Select("item + 1 as y").ComputeAsync();

        await act.Should().ThrowAsync<PondJobFailedException>();
        attempts.Should().Be(1);
    }

    [Fact]
    public async Task Progress_TwoRunsOfOneJob_EndWithTotalsAndReuse()
    {
        await using var area = new TestArea();
        var reports = new List<PondProgress>();
        var logs = new LogList();
        for (var run = 0; run < 2; run++)
        {
            var left = 1;
            await using var pond = await area.OpenAsync(o =>
                o with
                {
                    JobId = "job",
                    KeepIntermediates = true,
                    Progress = new Reporter(reports),
                    LoggerFactory = logs,
                    FaultHook = (point, _) =>
                    {
                        if (
                            point == FaultPoint.AfterWrite
                            && Interlocked.Exchange(ref left, 0) == 1
                        )
                        {
                            throw new IOException("the disk had a moment");
                        }
                    },
                }
            );
            await pond.FromItems(Numbers)
                .RepartitionByHash(4, "item")
                .WithResources(1)
                .SqlPerPartition("select count(*) as n from {0}")
                .ComputeAsync();
        }

        reports.Should().HaveCountGreaterThanOrEqualTo(2);
        foreach (var report in reports)
        {
            report.TasksDone.Should().BeLessThanOrEqualTo(report.TasksTotal);
        }

        var first = reports.First(r => r.TasksDone == r.TasksTotal);
        var last = reports[^1];
        first.Action.Should().Be("compute");
        first.Retries.Should().Be(1);
        first.RowsOut.Should().BeGreaterThanOrEqualTo(Numbers.Count() + 4);
        first.BytesOut.Should().BePositive();
        first.TasksReused.Should().Be(0);
        last.TasksReused.Should().Be(4);
        last.TasksDone.Should().Be(last.TasksTotal);
        last.RowsOut.Should().Be(0);
        logs.Messages.Should().ContainSingle(m => m.Contains("the disk had a moment"));
    }

    [Theory]
    [InlineData(false, 2)]
    [InlineData(true, 5)]
    public async Task KeepEmptyFiles_MostPartitionsEmpty_LeavesOrWritesTheirFiles(
        bool keep,
        int files
    )
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync(o => o with { KeepEmptyFiles = keep });

        var written = await pond.FromItems([0, 3])
            .RepartitionByKey(5, "item")
            .WriteParquetAsync(area["out"]);

        written.Files.Should().HaveCount(files);
        Directory.GetFiles(area["out"], "*.parquet").Should().HaveCount(files);
        (await pond.ReadParquet(area["out"]).CountAsync()).Should().Be(2);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(8)]
    public async Task WriteRecordsAsync_Blobs_AreReadByPosition(int? bytes)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var items = Enumerable
            .Range(0, 50)
            .Select(i => Enumerable.Repeat((byte)i, bytes ?? i).ToArray())
            .ToArray();

        var written = await pond.FromItems(items.Select(b => new { Data = b }))
            .WriteRecordsAsync(area["out"], "Data", bytes, recordsPerFile: 20);

        written.Files.Should().HaveCount(3);
        await using var data = await PondRecords.OpenAsync(new LocalFileSystem(area.Root), "out");
        data.Count.Should().Be(50);
        for (var i = 0; i < items.Length; i++)
        {
            using var batch = await data.ReadBatchAsync(new long[] { i });
            batch[0].ToArray().Should().Equal(items[i]);
        }
    }

    [Fact]
    public async Task WriteRecordsAsync_OtherLengthOrNull_Fails()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var rows = pond.FromItems([1, 2])
            .Select("case when item = 1 then '\\xAA\\xBB'::blob end as b, '\\x01'::blob as c");

        await rows.Awaiting(r => r.WriteRecordsAsync(area["a"], "b"))
            .Should()
            .ThrowAsync<PondJobFailedException>();
        await rows.Awaiting(r => r.WriteRecordsAsync(area["b"], "c", recordBytes: 2))
            .Should()
            .ThrowAsync<PondJobFailedException>();
        await rows.Awaiting(r => r.WriteRecordsAsync(area["c"], "c", recordBytes: 0))
            .Should()
            .ThrowAsync<ArgumentOutOfRangeException>();
        Directory.Exists(area["a"]).Should().BeFalse();
        Directory.Exists(area["b"]).Should().BeFalse();
    }

    private static IEnumerable<RecordBatch> Sums(
        IEnumerable<RecordBatch> batches,
        PondFunctionContext context
    )
    {
        var sum = 0;
        RecordBatch? any = null;
        foreach (var batch in batches)
        {
            sum += ((Int32Array)batch.Column("item")).Values.ToArray().Sum();
            any = batch;
            context.Observe("batches", 1);
        }

        context.Observe("partitions", context.Partition + context.PartitionCount);
        yield return new RecordBatch(
            any!.Schema,
            [new Int32Array.Builder().Append(sum).Build()],
            1
        );
    }

    /// <summary>Unlike <see cref="Progress{T}"/> it does not post to another thread.</summary>
    private sealed class Reporter(List<PondProgress> list) : IProgress<PondProgress>
    {
        public void Report(PondProgress value)
        {
            lock (list)
            {
                list.Add(value);
            }
        }
    }

    private sealed class LogList : ILoggerFactory, ILogger
    {
        private readonly List<string> _messages = [];

        public IReadOnlyList<string> Messages => _messages;

        public void AddProvider(ILoggerProvider provider) { }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel == LogLevel.Warning;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            lock (_messages)
            {
                _messages.Add(formatter(state, exception));
            }
        }

        public void Dispose() { }
    }
}
