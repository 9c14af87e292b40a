// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Execution;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Simulation;
using DeepInfra.DualPipe.Tests.Fixtures;
using DeepInfra.DualPipe.Validation;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace DeepInfra.DualPipe.Tests.Simulation;

public sealed class SimulatorPropertyTests
{
    private const double Exact = 1e-9;

    [Fact]
    public void Simulate_MoreLatency_NeverShortensAndRendezvousNeverBeatsEager()
    {
        foreach (var schedule in AllSchedules.Enumerate().Where(s => s.RankCount <= 6))
        {
            var previous = 0.0;
            foreach (var latency in new[] { 0, 0.1, 0.5, 2 })
            {
                var costs = new CostModel { Latency = latency };
                var eager = ScheduleSimulator.Simulate(schedule, costs).Makespan;
                var rendezvous = ScheduleSimulator
                    .Simulate(schedule, costs with { Transport = TransportModel.BatchedRendezvous })
                    .Makespan;

                eager.Should().BeGreaterThanOrEqualTo(previous - Exact, $"{schedule}");
                rendezvous.Should().BeGreaterThanOrEqualTo(eager - Exact, $"{schedule}");
                previous = eager;
            }
        }
    }

    [Property(MaxTest = 100)]
    public Property DualPipe_AnySizeAndCosts_IsValidAndFollowsTheBubbleBound() =>
        Prop.ForAll(
            Gen.Choose(1, 8)
                .SelectMany(h => Gen.Choose(0, 6).Select(x => (2 * h, (4 * h) + (2 * x))))
                .ToArbitrary(),
            Gen.Choose(20, 30).Select(o => o / 10.0).ToArbitrary(),
            (size, overlap) =>
            {
                var (ranks, microBatches) = size;
                var schedule = PipelineSchedules.DualPipe(ranks, microBatches);
                var result = ScheduleSimulator.Simulate(
                    schedule,
                    new CostModel { ForwardBackward = overlap }
                );
                var formula = ((ranks / 2) - 1) * (overlap - 1);
                return ScheduleValidator.Validate(schedule).IsValid
                    && Math.Abs(result.LargestBubble - formula) < Exact;
            }
        );

    [Fact]
    public void Simulate_CriticalPath_IsUnbrokenAndAsLongAsTheStep()
    {
        foreach (var schedule in AllSchedules.Enumerate().Where(s => s.RankCount <= 4))
        {
            var result = ScheduleSimulator.Simulate(
                schedule,
                new CostModel { Latency = 0.25, ForwardBackward = 2.5 }
            );
            var path = result.CriticalPath;

            path[0].Start.Should().BeApproximately(0, Exact);
            path[^1].End.Should().BeApproximately(result.Makespan, Exact);
            for (var i = 1; i < path.Length; i++)
            {
                var gap = path[i].Start - path[i - 1].End;
                gap.Should()
                    .BeApproximately(
                        path[i].Rank == path[i - 1].Rank ? 0 : 0.25,
                        Exact,
                        $"{schedule}"
                    );
            }
        }
    }

    [Fact]
    public void Simulate_ActivationBytes_FollowSplitBackward()
    {
        var costs = new CostModel { ActivationBytes = 100, DeferredActivationBytes = 30 };

        var full = ScheduleSimulator.Simulate(PipelineSchedules.OneForwardOneBackward(4, 8), costs);
        var split = ScheduleSimulator.Simulate(PipelineSchedules.ZeroBubbleH1(4, 8), costs);

        full.Ranks.Select(r => r.PeakActivationBytes).Should().Equal(400, 300, 200, 100);
        split.Ranks[3].PeakActivationBytes.Should().Be(100 + (3 * 30));
        split.Ranks[3].PeakPendingWeights.Should().Be(4);
    }

    [Fact]
    public void Simulate_CommitOverheadAndBandwidth_AddToTheStep()
    {
        var schedule = PipelineSchedules.OneForwardOneBackward(2, 1);

        // F, message, F, B, message, B; each rank commits twice around them.
        ScheduleSimulator
            .Simulate(schedule, new CostModel { MessageBytes = 50, Bandwidth = 100 })
            .Makespan.Should()
            .Be(6 + (2 * 0.5));
        ScheduleSimulator
            .Simulate(schedule, new CostModel { CommitOverhead = 0.25 })
            .Makespan.Should()
            .Be(6 + (2 * 0.25));
    }

    [Fact]
    public void Simulate_PerStageDurations_AreUsed()
    {
        var result = ScheduleSimulator.Simulate(
            PipelineSchedules.GPipe(2, 1),
            new CostModel { Duration = a => a.Stage == 0 ? 10 : 1 }
        );

        result.Makespan.Should().Be(22);
        result.Ranks[1].Busy.Should().Be(2);
        result.Ranks[1].SpanBubble.Should().Be(0);
        result.BubbleRatio.Should().BeApproximately((2 + 20) / 44.0, Exact);
    }

    [Fact]
    public void Simulate_BadCosts_Throw()
    {
        foreach (
            var costs in new[]
            {
                new CostModel { Forward = -1 },
                new CostModel { Weight = 3 },
                new CostModel { Latency = double.NaN },
                new CostModel { Bandwidth = 0 },
                new CostModel { Backward = double.PositiveInfinity },
            }
        )
        {
            FluentActions
                .Invoking(() => ScheduleSimulator.Simulate(PipelineSchedules.GPipe(1, 1), costs))
                .Should()
                .Throw<ArgumentOutOfRangeException>();
        }
    }

    [Theory]
    [InlineData(4, 77.8)]
    [InlineData(6, 73.3)]
    [InlineData(8, 71.4)]
    [InlineData(16, 68.9)]
    public void ReductionVersus1F1B_UnitCosts_GivesPublishedTable(int stages, double percent) =>
        (100 * BubbleReport.ReductionVersus1F1B(stages, new CostModel()))
            .Should()
            .BeApproximately(percent, 0.05);

    [Theory]
    [InlineData(8, 2.54)]
    [InlineData(16, 2.41)]
    [InlineData(32, 2.36)]
    public void ReductionVersus1F1B_RealOverlap_Reaches78Percent(int stages, double overlap) =>
        BubbleReport
            .ReductionVersus1F1B(stages, new CostModel { ForwardBackward = overlap })
            .Should()
            .BeApproximately(0.78, 0.001);

    [Fact]
    public void ReductionTable_StatesCostsAndCaveat()
    {
        var table = BubbleReport.ReductionTable(new CostModel());

        table.Should().Contain("F=1 B=2 W=1 F&B=3").And.Contain("PP=8   71.4 % less");
        FluentActions
            .Invoking(() => BubbleReport.ReductionVersus1F1B(3, new CostModel()))
            .Should()
            .Throw<ArgumentOutOfRangeException>();
    }
}
