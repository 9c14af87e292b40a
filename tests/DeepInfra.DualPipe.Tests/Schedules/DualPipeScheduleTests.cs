// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe.Tests.Schedules;

public sealed class DualPipeScheduleTests
{
    private const string WorkedRank0 =
        "|1| Fa0 sfa0 C Fa1 sfa1 |2| C Fa2 rfb0 C Fb0 sfa2 |3| C Ib0 sbb0 rfb1 C Wb0 Fb1 "
        + "|4| Fa3&Bb1 sfa3 sbb1 rfb2 rba0 C Fb2&Ba0 Fa4&Bb2 sfa4 sbb2 rfb3 rba1 C Fb3&Ba1 "
        + "Fa5&Bb3 sfa5 sbb3 rfb4 rba2 C Fb4&Ba2 |5| Bb4 sbb4 rfb5 rba3 C Fb5&Ba3 |6| Bb5 sbb5 "
        + "rba4 C Ia4 |7| Wa4 rba5 C Ia5 |8| Wa5";

    private const string WorkedRank1 =
        "|2| rfa0 C Fa0 sfa0 rfa1 rfb0 C Fb0 sfb0 C Fa1 sfa1 rfa2 rfb1 C Fb1 |4| Fa2 sfb1 rbb0 C "
        + "Bb0 sfa2 sbb0 rfb2 rba0 C Fb2&Ba0 sfb2 sba0 rfa3 rbb1 C Fa3&Bb1 sfa3 sbb1 rfb3 rba1 C "
        + "Fb3&Ba1 sfb3 sba1 rfa4 rbb2 C Fa4&Bb2 sfa4 sbb2 rfb4 rba2 C Fb4&Ba2 sfb4 sba2 rfa5 rbb3 C "
        + "Fa5&Bb3 sfa5 sbb3 rfb5 rba3 C Fb5&Ba3 sfb5 sba3 |6| rbb4 C Bb4 sbb4 rba4 C Ba4 sba4 rbb5 C "
        + "Ib5 sbb5 rba5 C Ia5 sba5 |8| C Wb5 Wa5";

    public static TheoryData<int, int> Sizes
    {
        get
        {
            var data = new TheoryData<int, int>();
            foreach (var p in new[] { 2, 4, 6, 8, 10, 12, 16 })
            {
                foreach (var c in new[] { 2 * p, (2 * p) + 2, 3 * p, 5 * p })
                {
                    data.Add(p, c);
                }
            }

            return data;
        }
    }

    [Theory]
    [InlineData(0, WorkedRank0)]
    [InlineData(1, WorkedRank1)]
    public void DualPipe_FourRanksTwelveMicroBatches_MatchesWorkedExample(int rank, string expected)
    {
        var schedule = PipelineSchedules.DualPipe(4, 12);

        Compact(schedule, rank).Should().Be(expected);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void DualPipe_AnySize_HasClosedFormCounts(int ranks, int microBatches)
    {
        var schedule = PipelineSchedules.DualPipe(ranks, microBatches);

        for (var rank = 0; rank < ranks; rank++)
        {
            int half = ranks / 2,
                n = microBatches / 2,
                h = Math.Min(rank, ranks - 1 - rank),
                m = rank == half - 1 || rank == half ? 1 : 0;
            var inner = half - h - 1;
            Count(PipelineActionKind.Forward).Should().Be((2 * inner) + (2 * (h + 1)) + inner + m);
            Count(PipelineActionKind.ForwardBackward)
                .Should()
                .Be((2 * (n - ranks + h + 1)) - m + inner);
            Count(PipelineActionKind.Backward).Should().Be(inner + h + 1 + m);
            Count(PipelineActionKind.BackwardInput).Should().Be(ranks - h - 1);
            Count(PipelineActionKind.BackwardWeight).Should().Be(ranks - h - 1);
            LongestWeightQueue(schedule, rank).Should().Be(h + 1);

            int Count(PipelineActionKind kind) => schedule[rank].Count(a => a.Kind == kind);
        }
    }

    [Fact]
    public void DualPipe_EightRanksTwentyFour_HasPublishedCounts()
    {
        var schedule = PipelineSchedules.DualPipe(8, 24);

        Counts(PipelineActionKind.Forward).Should().Equal(11, 10, 9, 9, 9, 9, 10, 11);
        Counts(PipelineActionKind.ForwardBackward).Should().Equal(13, 14, 15, 15, 15, 15, 14, 13);
        Counts(PipelineActionKind.Backward).Should().Equal(4, 4, 4, 5, 5, 4, 4, 4);
        Counts(PipelineActionKind.BackwardInput).Should().Equal(7, 6, 5, 4, 4, 5, 6, 7);
        Counts(PipelineActionKind.BackwardWeight).Should().Equal(7, 6, 5, 4, 4, 5, 6, 7);
        Counts(PipelineActionKind.Commit).Should().Equal(23, 37, 35, 33, 33, 35, 37, 23);
        foreach (
            var kind in new[]
            {
                PipelineActionKind.SendForward,
                PipelineActionKind.ReceiveForward,
                PipelineActionKind.SendBackward,
                PipelineActionKind.ReceiveBackward,
            }
        )
        {
            Counts(kind).Should().Equal(12, 24, 24, 24, 24, 24, 24, 12);
        }

        LargestBatch(schedule).Should().Be(4);

        IEnumerable<int> Counts(PipelineActionKind kind) =>
            Enumerable.Range(0, 8).Select(r => schedule[r].Count(a => a.Kind == kind));
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void DualPipe_MirroredRank_IsTheSameWithSlotsSwapped(int ranks, int microBatches)
    {
        var schedule = PipelineSchedules.DualPipe(ranks, microBatches);
        var half = microBatches / 2;

        for (var rank = 0; rank < ranks / 2; rank++)
        {
            schedule[ranks - 1 - rank].Should().Equal(schedule[rank].Select(Mirror));
        }

        PipelineAction Mirror(PipelineAction a) =>
            a.Kind == PipelineActionKind.Commit
                ? a
                : a with
                {
                    Slot = (byte)(1 - a.Slot),
                    Slot2 =
                        a.Kind == PipelineActionKind.ForwardBackward
                            ? (byte)(1 - a.Slot2)
                            : a.Slot2,
                    MicroBatch = (a.MicroBatch + half) % microBatches,
                    MicroBatch2 = a.MicroBatch2 < 0 ? -1 : (a.MicroBatch2 + half) % microBatches,
                    Peer = a.Peer < 0 ? a.Peer : (short)(ranks - 1 - a.Peer),
                };
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(1, 5)]
    [InlineData(2, 4)]
    [InlineData(2, 7)]
    [InlineData(3, 6)]
    [InlineData(3, 9)]
    [InlineData(4, 8)]
    [InlineData(4, 13)]
    [InlineData(5, 10)]
    [InlineData(5, 25)]
    [InlineData(8, 16)]
    [InlineData(8, 40)]
    public void DualPipeV_ComputeOrder_IsHalfOfDualPipe(int ranks, int microBatches)
    {
        var v = PipelineSchedules.DualPipeV(ranks, microBatches);
        var full = PipelineSchedules.DualPipe(2 * ranks, 2 * microBatches);

        for (var rank = 0; rank < ranks; rank++)
        {
            Shape(v[rank]).Should().Equal(Shape(full[rank]));
        }

        IEnumerable<(PipelineActionKind, byte, int, byte, int, byte)> Shape(
            IEnumerable<PipelineAction> actions
        ) =>
            actions
                .Where(a => a.IsCompute)
                .Select(a =>
                    (
                        a.Kind,
                        a.Slot,
                        a.MicroBatch % microBatches,
                        a.Slot2,
                        a.MicroBatch2 < 0 ? -1 : a.MicroBatch2 % microBatches,
                        a.Step
                    )
                );
    }

    [Theory]
    [InlineData(0, 8)]
    [InlineData(3, 8)]
    [InlineData(-2, 8)]
    public void DualPipe_BadRankCount_Throws(int ranks, int microBatches) =>
        FluentActions
            .Invoking(() => PipelineSchedules.DualPipe(ranks, microBatches))
            .Should()
            .Throw<ArgumentOutOfRangeException>()
            .WithParameterName("rankCount");

    [Theory]
    [InlineData(4, 9)]
    [InlineData(4, 6)]
    [InlineData(4, 0)]
    public void DualPipe_BadMicroBatchCount_Throws(int ranks, int microBatches) =>
        FluentActions
            .Invoking(() => PipelineSchedules.DualPipe(ranks, microBatches))
            .Should()
            .Throw<ArgumentOutOfRangeException>()
            .WithParameterName("microBatchCount");

    [Fact]
    public void DualPipeV_BadCounts_Throw()
    {
        FluentActions
            .Invoking(() => PipelineSchedules.DualPipeV(0, 4))
            .Should()
            .Throw<ArgumentOutOfRangeException>()
            .WithParameterName("rankCount");
        FluentActions
            .Invoking(() => PipelineSchedules.DualPipeV(3, 5))
            .Should()
            .Throw<ArgumentOutOfRangeException>()
            .WithParameterName("microBatchCount");
    }

    [Fact]
    public void PipelineAction_Size_StaysSmall() =>
        System
            .Runtime.CompilerServices.Unsafe.SizeOf<PipelineAction>()
            .Should()
            .BeLessThanOrEqualTo(24);

    private static int LongestWeightQueue(PipelineSchedule schedule, int rank)
    {
        int pending = 0,
            longest = 0;
        foreach (var action in schedule[rank])
        {
            pending += action.Kind switch
            {
                PipelineActionKind.BackwardInput => 1,
                PipelineActionKind.BackwardWeight => -1,
                _ => 0,
            };
            longest = Math.Max(longest, pending);
        }

        pending.Should().Be(0);
        return longest;
    }

    private static int LargestBatch(PipelineSchedule schedule)
    {
        var largest = 0;
        for (var rank = 0; rank < schedule.RankCount; rank++)
        {
            var batch = 0;
            foreach (var action in schedule[rank])
            {
                batch =
                    action.Kind == PipelineActionKind.Commit
                        ? 0
                        : batch + (action.IsMessage ? 1 : 0);
                largest = Math.Max(largest, batch);
            }
        }

        return largest;
    }

    /// <summary>Short notation: slot a/b, index within the slot, |n| where the step changes, C = commit.</summary>
    private static string Compact(PipelineSchedule schedule, int rank)
    {
        var half = schedule.MicroBatchCount / 2;
        var text = new StringBuilder();
        var step = 0;
        foreach (var action in schedule[rank])
        {
            if (action.Step != step)
            {
                step = action.Step;
                text.Append(CultureInfo.InvariantCulture, $"|{step}| ");
            }

            text.Append(
                action.Kind switch
                {
                    PipelineActionKind.Commit => "C",
                    PipelineActionKind.ForwardBackward =>
                        $"F{Id(action.Slot, action.MicroBatch)}&B{Id(action.Slot2, action.MicroBatch2)}",
                    PipelineActionKind.ReceiveForward => "rf" + Id(action.Slot, action.MicroBatch),
                    PipelineActionKind.SendForward => "sf" + Id(action.Slot, action.MicroBatch),
                    PipelineActionKind.ReceiveBackward => "rb" + Id(action.Slot, action.MicroBatch),
                    PipelineActionKind.SendBackward => "sb" + Id(action.Slot, action.MicroBatch),
                    _ => PipelineAction.Symbol(action.Kind) + Id(action.Slot, action.MicroBatch),
                }
            );
            text.Append(' ');
        }

        return text.ToString().TrimEnd();

        string Id(int slot, int microBatch) => $"{(slot == 0 ? 'a' : 'b')}{microBatch % half}";
    }
}
