// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Simulation;

/// <summary>Figures of one rank.</summary>
/// <param name="Rank">Pipeline rank.</param>
/// <param name="Busy">Time in compute actions.</param>
/// <param name="Start">Start of the first compute action.</param>
/// <param name="End">End of the last compute action.</param>
/// <param name="GlobalBubble">Makespan - busy.</param>
/// <param name="PeakActivations">Most forwards whose backward (W included) was not finished.</param>
/// <param name="PeakActivationBytes">The most bytes they kept.</param>
/// <param name="PeakPendingWeights">Longest queue of weight work.</param>
public readonly record struct RankStatistics(
    int Rank,
    double Busy,
    double Start,
    double End,
    double GlobalBubble,
    int PeakActivations,
    long PeakActivationBytes,
    int PeakPendingWeights
)
{
    /// <summary>(End - Start) - busy.</summary>
    public double SpanBubble => End - Start - Busy;
}
