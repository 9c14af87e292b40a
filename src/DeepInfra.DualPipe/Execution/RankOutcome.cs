// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Execution;

/// <summary>How a rank's step ended: exactly one of the two is set.</summary>
internal sealed record RankOutcome(int Rank, RankStepOutput? Output, RankFailure? Failure);
