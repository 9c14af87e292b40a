// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Schedules;

/// <summary>
/// Adds sends, receives and commits to a compute-only schedule: a send right after its producer, a
/// receive right before its consumer, messages between two compute actions in one commit. Where
/// blocking sends would then deadlock, the receives that the blocked sends wait for move forward into
/// the commit at which their rank stands. Thread-safe.
/// </summary>
/// <remarks>
/// The order is found by running the schedule under batched rendezvous. In a deadlock every unfinished
/// rank stands at a commit; receiving a message whose send is already submitted blocks nobody, and once
/// all such receives are posted only data dependencies are left, which are free of cycles in a valid
/// schedule. So the result never deadlocks, whatever the timing.
/// </remarks>
public static class CommunicationInserter
{
    /// <summary>Inserts communication.</summary>
    /// <param name="schedule">A schedule; returned unchanged when it already has communication.</param>
    /// <returns>The complete schedule.</returns>
    /// <exception cref="PipelineScheduleException">The compute order violates a data dependency.</exception>
    public static PipelineSchedule Insert(PipelineSchedule schedule)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        if (schedule.HasCommunication)
        {
            return schedule;
        }

        return new PipelineSchedule(
            schedule.Kind,
            schedule.Placement,
            schedule.MicroBatchCount,
            schedule.ForwardOnly,
            new CommunicationPlanner(schedule).Run()
        );
    }
}
