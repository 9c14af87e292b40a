// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe.Validation;

/// <summary>
/// Checks a schedule against rules V1 to V9 and reports every violation. Linear in the number of actions.
/// Thread-safe.
/// </summary>
public static class ScheduleValidator
{
    /// <summary>Validates a schedule.</summary>
    /// <param name="schedule">
    /// The schedule. Without sends and receives, the rules about messages are checked after inserting them.
    /// </param>
    /// <param name="options">Options; null = defaults.</param>
    /// <returns>The findings.</returns>
    public static ValidationReport Validate(
        PipelineSchedule schedule,
        ValidationOptions? options = null
    )
    {
        ArgumentNullException.ThrowIfNull(schedule);
        options ??= new ValidationOptions();
        var findings = new FindingList();
        var structure = new StructureCheck(schedule, findings);
        structure.Run();
        var complete = schedule;
        if (!schedule.HasCommunication)
        {
            if (!findings.IsEmpty)
            {
                return findings.ToReport();
            }

            try
            {
                complete = CommunicationInserter.Insert(schedule);
            }
            catch (PipelineScheduleException e)
            {
                findings.Add(ValidationRule.DataDependency, -1, -1, e.Message);
                return findings.ToReport();
            }
        }

        new DependencyCheck(complete, findings).Run();
        new MessageCheck(complete, findings).Run();
        DeadlockCheck.Run(complete, findings);
        ResourceCheck.Run(complete, options, findings);
        return findings.ToReport();
    }
}
