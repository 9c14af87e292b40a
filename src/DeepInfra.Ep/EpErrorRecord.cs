// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep;

/// <summary>Where a wait failed.</summary>
/// <param name="Operation">The operation, such as <c>Dispatch</c>.</param>
/// <param name="Phase">The step inside the operation: <c>arrive</c>, <c>transfer</c>, <c>receive</c> or <c>reuse</c>.</param>
/// <param name="Rank">The rank that waited.</param>
/// <param name="Peer">The rank it waited for.</param>
/// <param name="Actual">Value of the signal cell at the end.</param>
/// <param name="Expected">Value that would have ended the wait.</param>
/// <param name="Elapsed">How long the wait took.</param>
public sealed record EpErrorRecord(
    string Operation,
    string Phase,
    int Rank,
    int Peer,
    long Actual,
    long Expected,
    TimeSpan Elapsed
);
