// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe.Tests.Schedules;

public sealed class PipelineSchedulesTests
{
    [Fact]
    public void OneForwardOneBackward_FirstRank_HasTextbookOrder() =>
        string.Join(' ', PipelineSchedules.OneForwardOneBackward(3, 4).WithoutCommunication()[0])
            .Should()
            .Be("0F0 0F1 0F2 0B0 0F3 0B1 0B2 0B3");

    [Fact]
    public void ZeroBubbleH1_LastRank_DelaysWeights() =>
        string.Join(' ', PipelineSchedules.ZeroBubbleH1(2, 4).WithoutCommunication()[1])
            .Should()
            .Be("1F0 1I0 1F1 1I1 1W0 1F2 1I2 1W1 1F3 1I3 1W2 1W3");

    [Fact]
    public void Interleaved1F1B_RoundsThatDoNotDivide_Throw() =>
        FluentActions
            .Invoking(() => PipelineSchedules.Interleaved1F1B(2, 5, 2))
            .Should()
            .Throw<ArgumentOutOfRangeException>()
            .WithParameterName("microBatchCount");

    [Theory]
    [InlineData("gpipe", PipelineScheduleKind.GPipe)]
    [InlineData("1f1b", PipelineScheduleKind.OneForwardOneBackward)]
    [InlineData("interleaved1f1b", PipelineScheduleKind.Interleaved1F1B)]
    [InlineData("InterleavedZeroBubble", PipelineScheduleKind.ZeroBubbleH1)]
    [InlineData("zb1p", PipelineScheduleKind.ZeroBubbleH1)]
    [InlineData("ZBVZeroBubble", PipelineScheduleKind.ZeroBubbleV)]
    [InlineData("DUALPIPE", PipelineScheduleKind.DualPipe)]
    [InlineData("dualpipev", PipelineScheduleKind.DualPipeV)]
    public void Create_AnyCase_FindsSchedule(string name, PipelineScheduleKind kind)
    {
        ScheduleCatalog.Create(name, 2, 4).Kind.Should().Be(kind);
        ScheduleCatalog.Create(kind, 2, 4).Kind.Should().Be(kind);
    }

    [Fact]
    public void Create_UnknownOrUnsupported_Throws()
    {
        FluentActions
            .Invoking(() => ScheduleCatalog.Create("nope", 2, 4))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*nope*DualPipeV*");
        FluentActions
            .Invoking(() => ScheduleCatalog.Create("InterleavedZeroBubble", 2, 4, 2))
            .Should()
            .Throw<NotSupportedException>();
        FluentActions
            .Invoking(() => ScheduleCatalog.Create(PipelineScheduleKind.Custom, 2, 4))
            .Should()
            .Throw<ArgumentOutOfRangeException>();
    }

    [Theory]
    [InlineData(0, 4)]
    [InlineData(2, 0)]
    public void GPipe_CountsBelowOne_Throw(int ranks, int microBatches) =>
        FluentActions
            .Invoking(() => PipelineSchedules.GPipe(ranks, microBatches))
            .Should()
            .Throw<ArgumentOutOfRangeException>();

    [Fact]
    public void Generators_MoreStagesThanNumbers_Throw()
    {
        Action[] calls =
        [
            () => PipelineSchedules.GPipe(40_000, 1),
            () => PipelineSchedules.OneForwardOneBackward(40_000, 1),
            () => PipelineSchedules.ZeroBubbleH1(40_000, 1),
            () => PipelineSchedules.ZeroBubbleV(20_000, 1),
            () => PipelineSchedules.Interleaved1F1B(20_000, 1, 2),
            () => PipelineSchedules.DualPipe(40_000, 80_000),
            () => PipelineSchedules.DualPipeV(20_000, 40_000),
        ];
        foreach (var call in calls)
        {
            call.Should().Throw<ArgumentOutOfRangeException>();
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Interleaved1F1B_NoStagePerRank_Throws(int stagesPerRank) =>
        FluentActions
            .Invoking(() => PipelineSchedules.Interleaved1F1B(2, 4, stagesPerRank))
            .Should()
            .Throw<ArgumentOutOfRangeException>()
            .WithParameterName(nameof(stagesPerRank));

    [Fact]
    public void ToForwardOnly_DualPipe_KeepsForwardOrder()
    {
        var training = PipelineSchedules.DualPipe(4, 12);
        var inference = training.ToForwardOnly();

        for (var rank = 0; rank < 4; rank++)
        {
            inference[rank]
                .Where(a => a.IsCompute)
                .Select(a => (a.Slot, a.MicroBatch))
                .Should()
                .Equal(training[rank].Where(a => a.HasForward).Select(a => (a.Slot, a.MicroBatch)));
            inference[rank]
                .Should()
                .NotContain(a =>
                    a.Kind == PipelineActionKind.SendBackward
                    || a.Kind == PipelineActionKind.ReceiveBackward
                );
        }
    }
}
