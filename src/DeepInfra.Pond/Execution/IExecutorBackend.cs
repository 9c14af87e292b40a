// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Execution;

/// <summary>One try of a task with the resources that the scheduler granted.</summary>
internal sealed record TaskAttempt(
    PondTask Task,
    JobRun Run,
    int Number,
    int Cores,
    long MemoryBytes
);

/// <summary>
/// Starts attempts and reports how they ended. Decisions (order, admission, retries) are the scheduler's.
/// </summary>
internal interface IExecutorBackend : IDisposable
{
    /// <summary>Starts an attempt and returns at once; <paramref name="finished"/> is called exactly once.</summary>
    void Start(TaskAttempt attempt, Action<TaskAttempt, TaskOutput?, Exception?> finished);
}
