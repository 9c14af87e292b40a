// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Execution;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Tests.Fixtures;

namespace DeepInfra.DualPipe.Tests.Execution;

public sealed class NumericsTests
{
    [Theory]
    [InlineData(2, 4)]
    [InlineData(2, 6)]
    [InlineData(4, 12)]
    [InlineData(6, 12)]
    [InlineData(8, 16)]
    [InlineData(8, 24)]
    public async Task StepAsync_DualPipe_MatchesSequentialTraining(int ranks, int microBatches)
    {
        var schedule = PipelineSchedules.DualPipe(ranks, microBatches);

        foreach (var mode in Enum.GetValues<CommunicationMode>())
        {
            await CheckAsync(schedule, mode);
        }
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 4)]
    [InlineData(2, 6)]
    [InlineData(3, 7)]
    [InlineData(4, 12)]
    [InlineData(5, 10)]
    public async Task StepAsync_DualPipeV_IsBitEqualToSequentialTraining(
        int ranks,
        int microBatches
    )
    {
        var schedule = PipelineSchedules.DualPipeV(ranks, microBatches);

        foreach (var mode in Enum.GetValues<CommunicationMode>())
        {
            await CheckAsync(schedule, mode);
        }
    }

    [Theory]
    [InlineData("GPipe", 4, 8, 1)]
    [InlineData("1F1B", 4, 8, 1)]
    [InlineData("1F1B", 4, 1, 1)]
    [InlineData("1F1B", 4, 3, 1)]
    [InlineData("GPipe", 1, 3, 1)]
    [InlineData("Interleaved1F1B", 2, 4, 3)]
    [InlineData("Interleaved1F1B", 4, 2, 2)]
    [InlineData("ZB1P", 4, 8, 1)]
    [InlineData("ZB1P", 4, 1, 1)]
    [InlineData("ZBVZeroBubble", 3, 7, 1)]
    [InlineData("ZBVZeroBubble", 3, 1, 1)]
    public async Task StepAsync_OtherSchedules_AreBitEqualToSequentialTraining(
        string name,
        int ranks,
        int microBatches,
        int stagesPerRank
    )
    {
        var schedule = ScheduleCatalog.Create(name, ranks, microBatches, stagesPerRank);

        foreach (var mode in Enum.GetValues<CommunicationMode>())
        {
            await CheckAsync(schedule, mode);
        }
    }

    private static async Task CheckAsync(PipelineSchedule schedule, CommunicationMode mode)
    {
        var model = new TinyModel(schedule.StageCount);
        var inputs = model.Inputs(schedule);
        var directions = schedule.Placement.DirectionCount;
        var reference = model.RunReference(inputs, directions, schedule.MicroBatchesPerDirection);
        await using var group = LocalPipelineGroup.Create(
            schedule,
            location => model.CreateStage(location.Stage),
            new PipelineOptions { CommunicationMode = mode }
        );

        using var result = await group.StepAsync(inputs, TestContext.Current.CancellationToken);

        result.Losses.Should().Equal(reference.Losses);
        for (var stage = 0; stage < schedule.StageCount; stage++)
        {
            var gradients = Gradients(group, stage, 0);
            if (directions == 1)
            {
                gradients.Should().Equal(reference.Gradients[stage]);
                continue;
            }

            var other = Gradients(group, stage, schedule.MicroBatchCount - 1);
            float[] sum = [.. gradients.Zip(other, (a, b) => a + b)];
            Tolerances
                .CosineDifference(sum, reference.Gradients[stage])
                .Should()
                .BeLessThan(Tolerances.ReplicaSumCosine);
            Tolerances
                .RelativeError(sum, reference.Gradients[stage])
                .Should()
                .BeLessThan(Tolerances.ReplicaSumRelative);
        }
    }

    private static float[] Gradients(LocalPipelineGroup group, int stage, int microBatch)
    {
        var placement = group.Schedule.Placement;
        var rank = placement.RankOf(stage, microBatch);
        return TinyModel.GradientsOf(
            group.StageAt(rank, placement.SlotOf(rank, stage, microBatch))
        );
    }
}
