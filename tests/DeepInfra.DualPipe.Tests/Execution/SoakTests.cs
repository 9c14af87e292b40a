// SPDX-License-Identifier: MIT
using System.Diagnostics;
using DeepInfra.DualPipe.Execution;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Tests.Fixtures;

namespace DeepInfra.DualPipe.Tests.Execution;

[Collection(SerialCollection.Name)]
[Trait("Category", "Slow")]
public sealed class SoakTests
{
    [Fact]
    public async Task StepAsync_FiveHundredSteps_GrowsNeitherMemoryNorHandlesAndStaysBitEqual()
    {
        var schedule = PipelineSchedules.DualPipe(4, 8);
        var model = new TinyModel(4, width: 32);
        var inputs = model.Inputs(schedule);
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => model.CreateStage(l.Stage),
            new PipelineOptions { Trace = true }
        );
        var losses = new HashSet<string>();
        for (var i = 0; i < 50; i++)
        {
            await StepAsync();
        }

        var (memory, handles) = Usage();
        for (var i = 0; i < 500; i++)
        {
            await StepAsync();
        }

        var (memoryAfter, handlesAfter) = Usage();
        losses.Should().ContainSingle();
        ((double)memoryAfter).Should().BeLessThan(1.05 * memory);
        handlesAfter.Should().BeLessThanOrEqualTo(handles + 5);

        async Task StepAsync()
        {
            using var result = await group.StepAsync(inputs, TestContext.Current.CancellationToken);
            losses.Add(string.Join(' ', result.Losses!.Select(BitConverter.DoubleToInt64Bits)));
        }
    }

    private static (long Memory, int Handles) Usage()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        using var process = Process.GetCurrentProcess();
        return (GC.GetTotalMemory(true), process.HandleCount);
    }
}
