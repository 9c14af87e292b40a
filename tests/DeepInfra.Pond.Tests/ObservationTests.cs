// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using Apache.Arrow;

namespace DeepInfra.Pond.Tests;

/// <summary>
/// Outputs that an earlier run of the job has finished bring their observations along, and every task counts
/// once, whichever part of the work is done again.
/// </summary>
public sealed class ObservationTests
{
    private const string Job = "job";

    [Fact]
    public async Task GetObservations_OneOfTwoStepsOfAStageDoneAgain_KeepsTheOther()
    {
        await using var area = new TestArea();
        for (var run = 0; run < 3; run++)
        {
            await using var pond = await OpenAsync(area);
            var first = Counted(Items(pond, 10), "first");
            var second = Counted(first, "second");
            if (run == 2)
            {
                (await WriteAsync(More(first), area["more"])).Reused.Should().BeTrue();
                Rows(pond, "function").Should().Be(10, "that output has one of the steps");
            }

            var written = await WriteAsync(second, area["out"]);
            written.Reused.Should().Be(run > 0);
            Rows(pond, "function").Should().Be(20);

            if (run == 1)
            {
                (await WriteAsync(More(first), area["more"])).Reused.Should().BeFalse();
                pond.GetStages().Single(s => s.NodeId == first.Node.Id).TasksDone.Should().Be(2);
                Rows(pond, "function").Should().Be(20);
            }
        }
    }

    [Fact]
    public async Task GetObservations_OnlySomeProducersDoneAgain_CountsAllPartitions()
    {
        await using var area = new TestArea();
        for (var run = 0; run < 3; run++)
        {
            var fails = run == 0;
            // One core: the first partition is through before the second one begins.
            await using var pond = await area.OpenAsync(o => o with { JobId = Job, Cores = 1 });
            var seen = Items(pond, 10).Select("*").Observe("seen", ("rows", "count(*)"));
            var more = seen.MapStream(
                (batches, context) =>
                    fails && context.Partition == 1
                        ? throw new InvalidDataException("not yet")
                        : batches,
                new PondFunctionOptions { Name = "more", Version = "1" }
            );
            if (run < 2)
            {
                (await WriteAsync(seen, area["out"])).Reused.Should().Be(run == 1);
                Rows(pond, "seen").Should().Be(10);
            }

            var write = () => WriteAsync(more, area["more"]);
            if (fails)
            {
                await write.Should().ThrowAsync<PondJobFailedException>();
                continue;
            }

            (await write()).Reused.Should().Be(run == 2);
            Rows(pond, "seen").Should().Be(10);
            if (run == 1)
            {
                var stage = pond.GetStages().Single(s => s.NodeId == seen.Node.Id);
                (stage.TasksDone + stage.TasksReused).Should().Be(1, "the test is about a part");
            }
        }
    }

    [Fact]
    public async Task GetObservations_WhileAnActionDoesTheWorkAgain_NeverDropsARow()
    {
        await using var area = new TestArea();
        PondSession? resumed = null;
        var during = new ConcurrentBag<double>();
        for (var run = 0; run < 2; run++)
        {
            await using var pond = await area.OpenAsync(o =>
                o with
                {
                    JobId = Job,
                    FaultHook = (_, _) =>
                    {
                        if (resumed is not null)
                        {
                            during.Add(Rows(resumed, "seen"));
                        }
                    },
                }
            );
            var seen = Seen(pond, 10, 4);
            (await WriteAsync(seen, area["out"])).Reused.Should().Be(run == 1);
            if (run == 1)
            {
                resumed = pond;
                (await WriteAsync(More(seen), area["more"])).Reused.Should().BeFalse();
                pond.GetStages().Single(s => s.NodeId == seen.Node.Id).TasksDone.Should().Be(4);
                resumed = null;
            }
        }

        during.Count.Should().BeGreaterThan(8);
        during.Should().AllBeEquivalentTo(10.0);
    }

    [Theory]
    [InlineData("A")]
    [InlineData("B")]
    [InlineData("AB")]
    [InlineData("BA")]
    [InlineData("CAB")]
    [InlineData("ACB")]
    [InlineData("BCA")]
    public async Task GetObservations_OutputsThatShareAStage_AddUpInAnyOrder(string order)
    {
        await using var area = new TestArea();

        async Task RunAsync(string outputs, bool reused)
        {
            await using var pond = await OpenAsync(area);
            var sum = 0;
            foreach (var output in outputs)
            {
                var rows = output switch
                {
                    'A' => 10,
                    'B' => 30,
                    _ => 5,
                };
                var written = await WriteAsync(Seen(pond, rows), area[output.ToString()]);
                written.Reused.Should().Be(reused && output != 'C');
                sum += rows;
                Rows(pond, "seen").Should().Be(sum);
            }
        }

        await RunAsync("AB", reused: false);
        await RunAsync(order, reused: true);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task GetObservations_OutputsOfTheSameSteps_CountThemOnceInAnyOrder(bool reverse)
    {
        await using var area = new TestArea();
        for (var run = 0; run < 2; run++)
        {
            await using var pond = await OpenAsync(area);
            var rows = Items(pond, 10).Select("item * 2 as item");
            var seen = rows.Observe("seen", ("rows", "count(*)"));
            // The last one needs the rows before they are seen, too, so its plan stores and measures them apart.
            (string Name, PondFrame Frame)[] outputs =
            [
                ("plain", seen),
                ("more", More(seen)),
                ("union", seen.Union(rows)),
            ];
            foreach (var (name, frame) in run == 1 && reverse ? outputs.Reverse() : outputs)
            {
                (await WriteAsync(frame, area[name])).Reused.Should().Be(run == 1);
                Rows(pond, "seen").Should().Be(10);
            }
        }
    }

    [Theory]
    [InlineData("first")]
    [InlineData("second")]
    public async Task GetObservations_StepInTwoNamedFrames_CountsUnderTheFirstOne(string restored)
    {
        await using var area = new TestArea();
        for (var run = 0; run < 2; run++)
        {
            await using var pond = await OpenAsync(area);
            var items = Items(pond, 10);
            var first = Counted(items, "same").Named("first");
            var second = Counted(items, "same").Named("second");
            var outputs = new[] { first, second };
            foreach (var frame in run == 1 && restored == "second" ? outputs.Reverse() : outputs)
            {
                await WriteAsync(frame, area[frame.Node.Name!]);
            }

            pond.GetObservations().Keys.Should().Equal("first");
            Rows(pond, "first").Should().Be(10);
        }
    }

    [Theory]
    [InlineData("AB")]
    [InlineData("BA")]
    public async Task GetObservations_OutputsAppendedToOneDirectory_BringTheirOwn(string order)
    {
        await using var area = new TestArea();
        for (var run = 0; run < 2; run++)
        {
            await using var pond = await OpenAsync(area);
            var sum = 0;
            foreach (var output in run == 0 ? "AB" : order)
            {
                var rows = output == 'A' ? 10 : 30;
                var written = await Seen(pond, rows)
                    .WriteParquetAsync(area["out"], WriteMode.Append);
                written.Reused.Should().Be(run == 1);
                sum += rows;
                Rows(pond, "seen").Should().Be(sum);
            }
        }
    }

    [Fact]
    public async Task GetObservations_StepDoneAgainMeasuresNothing_DropsWhatItMeasuredBefore()
    {
        await using var area = new TestArea();
        await using var pond = await OpenAsync(area);
        var quiet = false;
        var frame = Items(pond, 10)
            .MapStream(
                (batches, context) => quiet ? batches : Count(batches, context),
                new PondFunctionOptions { Name = "maybe", Version = "1" }
            );
        await frame.ComputeAsync();
        Rows(pond, "function").Should().Be(10);

        quiet = true;
        await frame.Recompute().ComputeAsync();

        pond.GetObservations().Should().BeEmpty();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task GetObservations_ResultsOfTheStepAreGoneButNotThoseMadeOfThem_RemembersIt(
        bool partly
    )
    {
        await using var area = new TestArea();
        for (var run = 0; run < 3; run++)
        {
            var fails = partly && run == 0;
            // One core: the first partition is through before the second one begins.
            await using var pond = await area.OpenAsync(o => o with { JobId = Job, Cores = 1 });
            var seen = Items(pond, 10).Select("*").Observe("seen", ("rows", "count(*)"));
            var more = seen.MapStream(
                (batches, context) =>
                    fails && context.Partition == 1
                        ? throw new InvalidDataException("not yet")
                        : batches,
                new PondFunctionOptions { Name = "more", Version = "1" }
            );
            var compute = async () => await more.ComputeAsync();
            if (fails)
            {
                await compute.Should().ThrowAsync<PondJobFailedException>();
            }
            else
            {
                await compute();
            }

            Rows(pond, "seen").Should().Be(10);
            var stages = pond.GetStages().Where(s => s.NodeId == seen.Node.Id).ToArray();
            stages
                .Sum(s => s.TasksDone + s.TasksReused)
                .Should()
                .Be(
                    run == 0 ? 2
                    : run == 1 && partly ? 1
                    : 0
                );
        }
    }

    [Fact]
    public async Task GetObservations_ValueIsNotANumber_ComesBackAsSuch()
    {
        await using var area = new TestArea();
        for (var run = 0; run < 2; run++)
        {
            await using var pond = await OpenAsync(area);
            var frame = Items(pond, 10)
                .Select("*")
                .Observe("seen", ("mean", "avg('nan'::double)"), ("most", "max('inf'::double)"));
            (await WriteAsync(frame, area["out"])).Reused.Should().Be(run == 1);
            pond.GetObservations()["seen"]["mean"].Should().Be(double.NaN);
            pond.GetObservations()["seen"]["most"].Should().Be(double.PositiveInfinity);
        }
    }

    private static Task<PondSession> OpenAsync(TestArea area) =>
        area.OpenAsync(o => o with { JobId = Job });

    private static PondFrame Items(PondSession pond, int count, int partitions = 2) =>
        pond.FromItems(Enumerable.Range(0, count)).RepartitionByRows(partitions);

    /// <summary>Measured together with the query before it, by the task that stores the rows.</summary>
    private static PondFrame Seen(PondSession pond, int count, int partitions = 2) =>
        Items(pond, count, partitions).Select("*").Observe("seen", ("rows", "count(*)"));

    private static PondFrame Counted(PondFrame frame, string name) =>
        frame.MapStream(Count, new PondFunctionOptions { Name = name, Version = "1" });

    private static PondFrame More(PondFrame frame) => frame.Select("item + 1 as item");

    private static IEnumerable<RecordBatch> Count(
        IEnumerable<RecordBatch> batches,
        PondFunctionContext context
    )
    {
        foreach (var batch in batches)
        {
            context.Observe("rows", batch.Length);
            yield return batch;
        }
    }

    private static Task<PondWriteResult> WriteAsync(PondFrame frame, string path) =>
        frame.WriteParquetAsync(path);

    private static double Rows(PondSession pond, string stage) =>
        pond.GetObservations().GetValueOrDefault(stage)?.GetValueOrDefault("rows") ?? 0;
}
