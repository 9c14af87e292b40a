// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Simulation;

namespace DeepInfra.DualPipe.Tests.Simulation;

public sealed class ScheduleSimulatorTests
{
    private const double Exact = 1e-9;

    private static readonly CostModel s_unit = new();
    private static readonly CostModel s_uneven = new()
    {
        Backward = 2.2,
        Weight = 0.9,
        ForwardBackward = 3.2,
    };

    [Theory]
    [InlineData(2, 6, "18/0 16.5/0 15/0 19.2/0 18.4/0.4")]
    [InlineData(4, 12, "38/2 34/1.5 30/1 40.8/2.4 39.4/3.4")]
    [InlineData(8, 24, "78/6 69/4.5 60/3 84.0/7.2 81.3/9.3")]
    [InlineData(12, 24, "82/10 74/7.5 66/5 89.3/12.5 86.2/14.2")]
    public void Simulate_DualPipe_GivesAcceptanceValues(
        int ranks,
        int microBatches,
        string expected
    )
    {
        CostModel[] cases =
        [
            s_unit,
            s_unit with
            {
                ForwardBackward = 2.5,
            },
            s_unit with
            {
                ForwardBackward = 2,
            },
            s_uneven,
            s_unit with
            {
                Latency = 0.1,
            },
        ];
        var schedule = PipelineSchedules.DualPipe(ranks, microBatches);

        foreach (var (costs, pair) in cases.Zip(expected.Split(' ')))
        {
            CheckPair(ScheduleSimulator.Simulate(schedule, costs), pair);
        }
    }

    [Theory]
    [InlineData("GPipe", 1, "93/21", "99.2/22.4")]
    [InlineData("1F1B", 1, "93/21", "99.2/22.4")]
    [InlineData("ZB1P", 1, "79/7", "86.6/9.8")]
    [InlineData("Interleaved1F1B", 2, "82.5/10.5", "88.0/11.2")]
    [InlineData("Interleaved1F1B", 4, "77.25/5.25", "82.4/5.6")]
    [InlineData("ZBVZeroBubble", 2, "75.5/3.5", "81.35/4.55")]
    public void Simulate_EightRanksTwentyFour_GivesAcceptanceValues(
        string name,
        int chunks,
        string unit,
        string uneven
    )
    {
        var schedule = ScheduleCatalog.Create(name, 8, 24, chunks);

        CheckPair(ScheduleSimulator.Simulate(schedule, s_unit.Scaled(1.0 / chunks)), unit);
        CheckPair(ScheduleSimulator.Simulate(schedule, s_uneven.Scaled(1.0 / chunks)), uneven);
    }

    [Fact]
    public void Simulate_Interleaved_HasPublishedPeaks()
    {
        var result = ScheduleSimulator.Simulate(PipelineSchedules.Interleaved1F1B(8, 24, 2));

        result.Ranks[0].PeakActivations.Should().Be(23);
        result.Ranks[7].PeakActivations.Should().Be(9);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public void Simulate_PublishedFormulas_Hold(int p)
    {
        foreach (var m in new[] { p, 2 * p, 4 * p })
        {
            foreach (var c in new[] { s_unit, s_uneven with { ForwardBackward = null } })
            {
                double f = c.Forward,
                    b = c.Backward,
                    w = c.Weight;
                Largest(PipelineSchedules.GPipe(p, m), c)
                    .Should()
                    .BeApproximately((p - 1) * (f + b), Exact);
                Largest(PipelineSchedules.OneForwardOneBackward(p, m), c)
                    .Should()
                    .BeApproximately((p - 1) * (f + b), Exact);
                Largest(PipelineSchedules.Interleaved1F1B(p, m, 2), c.Scaled(0.5))
                    .Should()
                    .BeApproximately((p - 1) * (f + b) / 2, Exact);
                Largest(PipelineSchedules.ZeroBubbleH1(p, m), c)
                    .Should()
                    .BeApproximately((p - 1) * (f + b - (2 * w)), Exact);
            }

            CheckPeaks(p, m);
            var zbv = ScheduleSimulator.Simulate(
                PipelineSchedules.ZeroBubbleV(p, 2 * m),
                s_unit.Scaled(0.5)
            );
            zbv.LargestBubble.Should().BeApproximately((p - 1) * 0.5, Exact);
            zbv.Ranks.Should().OnlyContain(r => Math.Abs(r.SpanBubble) < Exact);
            zbv.Ranks.Should().OnlyContain(r => r.PeakActivations == 2 * p);
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public void Simulate_DualPipe_FollowsItsFormula(int pp)
    {
        var full = PipelineSchedules.DualPipe(pp, 3 * pp);
        var v = PipelineSchedules.DualPipeV(pp / 2, 2 * pp);
        foreach (var overlap in new[] { 3, 2.5, 2.0 })
        {
            var costs = s_unit with { ForwardBackward = overlap };
            var formula = ((pp / 2) - 1) * (overlap + 2 - 3);
            foreach (var schedule in new[] { full, v })
            {
                var result = ScheduleSimulator.Simulate(schedule, costs);
                result.LargestBubble.Should().BeApproximately(formula, Exact);
                if (overlap == 3)
                {
                    result
                        .Ranks.Should()
                        .OnlyContain(r => Math.Abs(r.GlobalBubble - formula) < Exact);
                }
            }
        }

        ScheduleSimulator.Simulate(full).Ranks.Max(r => r.PeakActivations).Should().Be(pp + 1);
        ScheduleSimulator.Simulate(v).Ranks.Max(r => r.PeakActivations).Should().Be(pp + 1);
    }

    [Theory]
    [InlineData(8, 24, 31)]
    [InlineData(4, 12, 15)]
    [InlineData(2, 6, 6)]
    [InlineData(12, 24, 35)]
    public void Simulate_ForwardOnlyDualPipe_TakesAllMicroBatchesPlusFill(
        int ranks,
        int microBatches,
        double makespan
    ) =>
        ScheduleSimulator
            .Simulate(PipelineSchedules.DualPipe(ranks, microBatches, forwardOnly: true))
            .Makespan.Should()
            .Be(makespan);

    [Theory]
    [InlineData(1, 5, 10)]
    [InlineData(2, 4, 11)]
    [InlineData(4, 12, 31)]
    [InlineData(5, 13, 35)]
    public void Simulate_ForwardOnlyDualPipeV_TakesAllMicroBatchesPlusFill(
        int ranks,
        int microBatches,
        double makespan
    ) =>
        ScheduleSimulator
            .Simulate(PipelineSchedules.DualPipeV(ranks, microBatches, forwardOnly: true))
            .Makespan.Should()
            .Be(makespan);

    private static void CheckPeaks(int p, int m)
    {
        ScheduleSimulator
            .Simulate(PipelineSchedules.GPipe(p, m))
            .Ranks.Should()
            .OnlyContain(r => r.PeakActivations == m);
        ScheduleSimulator
            .Simulate(PipelineSchedules.OneForwardOneBackward(p, m))
            .Ranks.Should()
            .OnlyContain(r => r.PeakActivations == p - r.Rank);
        ScheduleSimulator
            .Simulate(PipelineSchedules.ZeroBubbleH1(p, m))
            .Ranks.Should()
            .OnlyContain(r => r.PeakActivations == p);
        ScheduleSimulator
            .Simulate(PipelineSchedules.Interleaved1F1B(p, m, 2))
            .Ranks.Should()
            .OnlyContain(r => r.PeakActivations == Math.Min(2 * m, (2 * (p - 1 - r.Rank)) + p + 1));
    }

    private static double Largest(PipelineSchedule schedule, CostModel costs) =>
        ScheduleSimulator.Simulate(schedule, costs).LargestBubble;

    private static void CheckPair(SimulationResult result, string pair)
    {
        var parts = pair.Split('/');
        result.Makespan.Should().BeApproximately(Parse(parts[0]), Exact);
        result.LargestBubble.Should().BeApproximately(Parse(parts[1]), Exact);

        static double Parse(string text) =>
            double.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
    }
}
