// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Stages;

/// <summary>Where a loss runs.</summary>
/// <param name="StepId">Number of the step.</param>
/// <param name="Rank">Pipeline rank.</param>
/// <param name="MicroBatch">Global micro-batch index.</param>
/// <param name="Direction">Direction of the micro-batch.</param>
/// <param name="IsTraining">True when a backward follows.</param>
public readonly record struct LossContext(
    long StepId,
    int Rank,
    int MicroBatch,
    int Direction,
    bool IsTraining
);
