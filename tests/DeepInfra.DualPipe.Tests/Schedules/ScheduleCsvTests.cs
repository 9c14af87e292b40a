// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Tests.Fixtures;
using DeepInfra.DualPipe.Validation;

namespace DeepInfra.DualPipe.Tests.Schedules;

public sealed class ScheduleCsvTests
{
    [Fact]
    public void Parse_FormattedSchedules_RoundTrip()
    {
        foreach (var schedule in AllSchedules.Enumerate())
        {
            foreach (var computeOnly in new[] { false, true })
            {
                var text = ScheduleCsv.Format(schedule, computeOnly);

                var parsed = ScheduleCsv.Parse(text, schedule.Placement, schedule.Kind);

                ScheduleCsv.Format(parsed, computeOnly).Should().Be(text);
                var expected = computeOnly ? schedule.WithoutCommunication() : schedule;
                for (var rank = 0; rank < schedule.RankCount; rank++)
                {
                    parsed[rank]
                        .SequenceEqual(expected[rank].Select(a => a with { Step = 0 }))
                        .Should()
                        .BeTrue($"rank {rank} of {schedule}");
                }

                parsed.ForwardOnly.Should().Be(schedule.ForwardOnly);
            }
        }
    }

    [Theory]
    [InlineData("GPipe", 3, 4, 1, "linear(3)")]
    [InlineData("Interleaved1F1B", 3, 6, 2, "looped(3, 2)")]
    [InlineData("DualPipe", 4, 8, 1, "bidirectional(4)")]
    [InlineData("DualPipeV", 3, 6, 1, "v(3)")]
    public void Parse_WithoutPlacement_InfersIt(
        string name,
        int ranks,
        int microBatches,
        int stagesPerRank,
        string placement
    )
    {
        var text = ScheduleCsv.Format(
            ScheduleCatalog.Create(name, ranks, microBatches, stagesPerRank)
        );

        var parsed = ScheduleCsv.Parse(text);

        parsed.Placement.ToString().Should().Be(placement);
        ScheduleValidator.Validate(parsed).ToString().Should().Be("valid");
    }

    [Fact]
    public void Format_TwoRanks_HasExactText() =>
        ScheduleCsv
            .Format(PipelineSchedules.OneForwardOneBackward(2, 2))
            .Should()
            .Be(
                "0F0,0SEND_F0,0F1,0SEND_F1,0RECV_B0,0B0,0RECV_B1,0B1\n"
                    + "1RECV_F0,1F0,1B0,1SEND_B0,1RECV_F1,1F1,1B1,1SEND_B1\n"
            );

    [Fact]
    public void Parse_EmptyCellsAndOverlap_AreAccepted()
    {
        const string Text = "0F0, ,0F1,(0F2;3B0)OVERLAP_F_B,,\r\n1F0\r\n";

        var schedule = ScheduleCsv.Parse(Text, StagePlacement.VShape(2));

        schedule.RankCount.Should().Be(2);
        schedule[0].Should().HaveCount(3);
    }

    [Theory]
    [InlineData("", "*no rows*")]
    [InlineData(",,\n", "*no actions*")]
    [InlineData("0F0,0X1", "row 0, column 2: '0X1'*")]
    [InlineData("0F0,0UNSHARD", "row 0, column 2: '0UNSHARD'*")]
    [InlineData("99999999999F0", "row 0, column 1*")]
    [InlineData("0F0,1F0\n1F1", "*no placement*")]
    [InlineData("0SEND_B0", "*no neighbour*")]
    [InlineData("0F1000000000,0B1000000000", "*micro-batch is 1000000000, with 2 actions*")]
    public void Parse_Malformed_ThrowsWithPosition(string text, string message) =>
        FluentActions
            .Invoking(() => ScheduleCsv.Parse(text))
            .Should()
            .Throw<PipelineScheduleException>()
            .WithMessage(message);

    [Fact]
    public void Parse_RandomlyDamagedText_NeverFailsOtherwise()
    {
        var random = new Random(5);
        var text = ScheduleCsv.Format(PipelineSchedules.DualPipe(4, 8));
        for (var i = 0; i < 2000; i++)
        {
            var damaged = text.ToCharArray();
            for (var j = random.Next(1, 4); j > 0; j--)
            {
                damaged[random.Next(damaged.Length)] = (char)random.Next(10, 123);
            }

            var cut = new string(damaged)[..random.Next(damaged.Length + 1)];
            try
            {
                ScheduleCsv.Parse(cut);
            }
            catch (PipelineScheduleException)
            {
                // The only exception a bad file may cause.
            }
        }
    }
}
