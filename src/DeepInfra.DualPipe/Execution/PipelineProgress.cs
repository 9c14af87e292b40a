// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Execution;

/// <summary>How far a step has come in this process.</summary>
/// <param name="StepId">Number of the step.</param>
/// <param name="CompletedActions">Actions done by all local ranks.</param>
/// <param name="TotalActions">Actions of all local ranks.</param>
public readonly record struct PipelineProgress(
    long StepId,
    long CompletedActions,
    long TotalActions
);
