// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe.Execution;

/// <summary>Mean duration of one kind of compute action.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Mean">Mean duration.</param>
/// <param name="Count">Number of actions.</param>
public readonly record struct KindMean(PipelineActionKind Kind, TimeSpan Mean, int Count);
