// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>State of a running action.</summary>
/// <param name="Action">What runs, such as <c>write parquet /data/out</c>.</param>
/// <param name="TasksTotal">Tasks of the action.</param>
/// <param name="TasksDone">Tasks that have finished, reused ones included.</param>
/// <param name="TasksReused">Tasks whose committed result of an earlier run was used.</param>
/// <param name="TasksRunning">Tasks that run now.</param>
/// <param name="Retries">Attempts that failed and were or will be repeated.</param>
/// <param name="RowsOut">Rows written by finished tasks.</param>
/// <param name="BytesOut">Bytes written by finished tasks.</param>
/// <param name="Stage">Description of the task that finished last, or null at the start.</param>
/// <param name="Elapsed">Time since the action began.</param>
public sealed record PondProgress(
    string Action,
    int TasksTotal,
    int TasksDone,
    int TasksReused,
    int TasksRunning,
    int Retries,
    long RowsOut,
    long BytesOut,
    string? Stage,
    TimeSpan Elapsed
);
