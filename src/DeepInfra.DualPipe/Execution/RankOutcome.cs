// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Execution;

/// <summary>How a rank's step ended; the trace is null unless tracing is on.</summary>
internal sealed record RankOutcome(int Rank, TraceBuffer.Entry[]? Trace, RankFailure? Failure);
