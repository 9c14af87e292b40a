// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Cpu;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Cpu;

public class CpuParallelTests
{
    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0, 4)]
    [InlineData(1, 4)]
    [InlineData(2, 1)]
    [InlineData(1000, 2)]
    [InlineData(1000, 8)]
    [InlineData(3, 500)]
    public void Run_AnyDegree_ExecutesEachItemOnce(int items, int degree)
    {
        var work = new Count
        {
            Hits = new int[items],
            Degree = Math.Min(degree, CpuParallel.MaxThreads),
        };

        for (var round = 0; round < 20; round++)
            CpuParallel.Run(items, ref work, degree, _token);

        work.Hits.Should().NotContain(h => h != 20);
        work.BadWorkers.Should().Be(0);
    }

    [Fact]
    public void Run_BadArguments_Throw()
    {
        var work = new Count { Hits = [] };

        FluentActions
            .Invoking(() => CpuParallel.Run(-1, ref work, 1, _token))
            .Should()
            .Throw<ArgumentOutOfRangeException>();
        FluentActions
            .Invoking(() => CpuParallel.Run(1, ref work, 0, _token))
            .Should()
            .Throw<ArgumentOutOfRangeException>();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Run_ItemThrows_StopsAndRethrowsWithItsStack(int degree)
    {
        var work = new Failing { At = 10, Executed = new StrongBox<int>() };

        FluentActions
            .Invoking(() => CpuParallel.Run(100_000, ref work, degree, _token))
            .Should()
            .Throw<InvalidDataException>()
            .Where(e => e.StackTrace!.Contains(nameof(Failing)));

        if (degree == 1)
            work.Executed.Value.Should().Be(11);
        var after = new Count { Hits = new int[100], Degree = degree };
        CpuParallel.Run(100, ref after, degree, _token);
        after.Hits.Should().OnlyContain(h => h == 1, "a failed loop leaves the pool usable");
    }

    [Fact]
    public void Run_AllItemsThrow_OneExceptionWins()
    {
        var work = new Failing { At = -1, Executed = new StrongBox<int>() };

        for (var round = 0; round < 200; round++)
            FluentActions
                .Invoking(() => CpuParallel.Run(50, ref work, 4, _token))
                .Should()
                .Throw<InvalidDataException>();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Run_Cancelled_Throws(int degree)
    {
        using var source = new CancellationTokenSource();
        var work = new Cancelling { Source = source, Executed = new StrongBox<int>() };

        FluentActions
            .Invoking(() => CpuParallel.Run(100_000, ref work, degree, source.Token))
            .Should()
            .Throw<OperationCanceledException>()
            .Which.CancellationToken.Should()
            .Be(source.Token);
        work.Executed.Value.Should().BeLessThan(100_000);
    }

    [Fact]
    public void Run_Nested_RunsInnerLoopsToTheEnd()
    {
        var work = new Outer { Cells = new int[64 * 64] };

        CpuParallel.Run(64, ref work, 4, _token);

        work.Cells.Should().OnlyContain(c => c == 1);
    }

    [Fact]
    public void Run_ManyCallers_AllFinish()
    {
        var failures = 0;
        var threads = Enumerable
            .Range(0, 8)
            .Select(t => new Thread(() =>
            {
                for (var round = 0; round < 500; round++)
                {
                    var work = new Count { Hits = new int[1 + (t + round) % 40], Degree = 4 };
                    CpuParallel.Run(work.Hits.Length, ref work, 4, _token);
                    if (work.Hits.Any(h => h != 1) || work.BadWorkers != 0)
                        Interlocked.Increment(ref failures);
                }
            }))
            .ToArray();
        foreach (var thread in threads)
            thread.Start();
        foreach (var thread in threads)
            thread.Join();

        failures.Should().Be(0);
    }

    [Fact]
    public void Run_BodyInsideAnObjectDuringCollections_IsNotMoved()
    {
        for (var round = 0; round < 20; round++)
        {
            var holder = new Holder { Work = new Collecting { Hits = new int[64] } };

            CpuParallel.Run(64, ref holder.Work, 4, _token);

            holder.Work.Hits.Should().OnlyContain(h => h == 1);
            holder.Work.Executed.Should().Be(64, "workers count in the object itself");
        }
    }

    [Fact]
    public void Run_WarmLoop_AllocatesNothing()
    {
        var work = new Count { Hits = new int[100], Degree = 4 };

        AllocationMeasure
            .OfWarm(() => CpuParallel.Run(100, ref work, 4, _token), calls: 100)
            .Should()
            .Be(0);
    }

    [Fact]
    public void Run_WorkersAtOnce_HaveDifferentIndices()
    {
        var work = new Exclusive { Inside = new int[8], Clashes = new StrongBox<int>() };

        for (var round = 0; round < 200; round++)
            CpuParallel.Run(32, ref work, 8, _token);

        work.Clashes.Value.Should().Be(0);
    }

    private struct Count : ICpuWork
    {
        public int[] Hits;
        public int Degree;
        public int BadWorkers;

        public void Execute(int item, int worker)
        {
            Interlocked.Increment(ref Hits[item]);
            if (worker < 0 || worker >= Math.Max(1, Degree))
                Interlocked.Increment(ref BadWorkers);
        }
    }

    private struct Failing : ICpuWork
    {
        public int At;
        public StrongBox<int> Executed;

        public readonly void Execute(int item, int worker)
        {
            Interlocked.Increment(ref Executed.Value);
            if (item == At || At < 0)
                throw new InvalidDataException();
        }
    }

    private struct Cancelling : ICpuWork
    {
        public CancellationTokenSource Source;
        public StrongBox<int> Executed;

        public readonly void Execute(int item, int worker)
        {
            Interlocked.Increment(ref Executed.Value);
            if (item == 20)
                Source.Cancel();
            else if (item > 20)
                SpinWait.SpinUntil(IsCancelled(Source));
        }
    }

    private static Func<bool> IsCancelled(CancellationTokenSource source) =>
        () => source.IsCancellationRequested;

    private struct Outer : ICpuWork
    {
        public int[] Cells;

        public readonly void Execute(int item, int worker)
        {
            var inner = new Inner { Cells = Cells, Row = item };
            CpuParallel.Run(64, ref inner, 4, CancellationToken.None);
        }
    }

    private struct Inner : ICpuWork
    {
        public int[] Cells;
        public int Row;

        public readonly void Execute(int item, int worker) =>
            Interlocked.Increment(ref Cells[Row * 64 + item]);
    }

    private sealed class Holder
    {
        public Collecting Work;
    }

    private struct Collecting : ICpuWork
    {
        public int[] Hits;
        public int Executed;

        public void Execute(int item, int worker)
        {
            if (item % 16 == 3)
                GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: true);
            Interlocked.Increment(ref Hits[item]);
            Interlocked.Increment(ref Executed);
        }
    }

    private struct Exclusive : ICpuWork
    {
        public int[] Inside;
        public StrongBox<int> Clashes;

        public readonly void Execute(int item, int worker)
        {
            if (Interlocked.Increment(ref Inside[worker]) != 1)
                Interlocked.Increment(ref Clashes.Value);
            Thread.SpinWait(50);
            Interlocked.Decrement(ref Inside[worker]);
        }
    }
}
