// SPDX-License-Identifier: MIT
using System.Globalization;
using DeepInfra.DualPipe.Execution;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Simulation;
using DeepInfra.DualPipe.Stages;

namespace DeepInfra.Headlines.DualPipe;

/// <summary>
/// Makespan of DualPipe steps on the in-process engine against the simulator, by how many percent it is
/// longer. The stages wait instead of computing, so four ranks run side by side on two cores and what is
/// left is the engine's own time. Median over steps.
/// </summary>
internal sealed class MakespanHeadline : IHeadline
{
    private const int Ranks = 4;
    private const int MicroBatches = 12;
    private const int WarmUpSteps = 10;
    private const int Steps = 101;

    public string Name => "dualpipe-makespan-vs-simulated";

    public string Unit => "%";

    public string Goal => "<= 3";

    public HeadlineResult Measure(TextWriter log)
    {
        var costs = SyntheticCosts.FromMilliseconds(forward: 2, input: 2, weight: 2);
        var schedule = PipelineSchedules.DualPipe(Ranks, MicroBatches);
        var simulated = ScheduleSimulator.Simulate(schedule, costs.ToCostModel());
        var measured = MeasureAsync(schedule, costs).GetAwaiter().GetResult();
        Array.Sort(measured);
        var median = measured[measured.Length / 2];
        log.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"DualPipe P={Ranks} C={MicroBatches}, F=I=W=2 ms, F&B=6 ms, eager, in process, {Environment.ProcessorCount} cores"
            )
        );
        log.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"simulated {simulated.Makespan:0.000} ms; measured over {Steps} steps: best {measured[0]:0.000}, median {median:0.000}, worst {measured[^1]:0.000} ms"
            )
        );
        return new HeadlineResult(100 * ((median / simulated.Makespan) - 1));
    }

    private static async Task<double[]> MeasureAsync(
        PipelineSchedule schedule,
        SyntheticCosts costs
    )
    {
        await using var group = LocalPipelineGroup.Create(
            schedule,
            l => new SyntheticStage(costs, l.StageCount),
            new PipelineOptions { Trace = true }
        );
        var inputs = new StepInputs { Loss = new SyntheticLoss(schedule.StageCount) };
        var makespans = new double[Steps];
        for (var i = -WarmUpSteps; i < Steps; i++)
        {
            using var result = await group.StepAsync(inputs);
            if (i >= 0)
            {
                makespans[i] = result.Trace!.Makespan.TotalMilliseconds;
            }
        }

        return makespans;
    }
}
