// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Simulation;

namespace DeepInfra.DualPipe.Validation;

/// <summary>V5: the schedule finishes under both transport models.</summary>
internal static class DeadlockCheck
{
    public static void Run(PipelineSchedule schedule, FindingList findings)
    {
        foreach (var model in Enum.GetValues<TransportModel>())
        {
            var machine = new ScheduleMachine(
                schedule,
                new CostModel { Transport = model },
                record: false
            );
            if (machine.Run())
            {
                continue;
            }

            var waits = machine.FindWaits();
            findings.Add(
                ValidationRule.Deadlock,
                waits[0].Rank,
                waits[0].ActionIndex,
                new PipelineDeadlockException(model, waits).Message
            );
        }
    }
}
