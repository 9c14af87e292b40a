// SPDX-License-Identifier: MIT
namespace EndToEnd.Report;

/// <summary>One line of a chart.</summary>
internal sealed record Series(
    string Name,
    IReadOnlyList<(double X, double Y)> Points,
    bool Dashed = false
);
