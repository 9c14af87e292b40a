// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Execution;

/// <summary>How one rank failed.</summary>
/// <param name="Rank">Pipeline rank.</param>
/// <param name="ActionIndex">Index of the action in the rank's schedule; -1 before the first.</param>
/// <param name="Action">Text of the action.</param>
/// <param name="Exception">The exception.</param>
public sealed record RankFailure(int Rank, int ActionIndex, string Action, Exception Exception);
