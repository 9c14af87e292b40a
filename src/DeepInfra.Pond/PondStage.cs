// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>What one step of the plan has done in this session.</summary>
/// <param name="NodeId">Number of the step, in creation order.</param>
/// <param name="Kind">Kind of the step, such as <c>sql</c>, <c>shuffle</c> or <c>function</c>.</param>
/// <param name="Name">Name given by <see cref="PondFrame.Named"/> or <see cref="PondFrame.Observe"/>.</param>
/// <param name="TasksDone">Tasks that ran.</param>
/// <param name="TasksReused">Tasks whose committed result was used instead.</param>
/// <param name="RowsOut">Rows in the committed results.</param>
/// <param name="BytesOut">Bytes in the committed results.</param>
/// <param name="TaskSeconds">Wall time of all tasks together, in seconds.</param>
public sealed record PondStage(
    int NodeId,
    string Kind,
    string? Name,
    int TasksDone,
    int TasksReused,
    long RowsOut,
    long BytesOut,
    double TaskSeconds
);
