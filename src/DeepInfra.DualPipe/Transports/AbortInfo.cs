// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Transports;

/// <summary>Why a pipeline stopped.</summary>
/// <param name="Rank">Transport rank that failed first.</param>
/// <param name="Action">What it was doing.</param>
/// <param name="Message">Message of its failure.</param>
/// <param name="IsCancellation">True when it was cancelled rather than broken.</param>
public sealed record AbortInfo(
    int Rank,
    string Action,
    string Message,
    bool IsCancellation = false
);
