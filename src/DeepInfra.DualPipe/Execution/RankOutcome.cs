// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Execution;

/// <summary>How a rank's step ended; the trace is null unless tracing is on.</summary>
/// <param name="Rank">Pipeline rank.</param>
/// <param name="Trace">Recorded actions.</param>
/// <param name="Failure">Why it failed; null when it did not.</param>
/// <param name="IsStuck">The rank has not ended: a stage call does not return.</param>
internal sealed record RankOutcome(
    int Rank,
    TraceBuffer.Entry[]? Trace,
    RankFailure? Failure,
    bool IsStuck = false
);
