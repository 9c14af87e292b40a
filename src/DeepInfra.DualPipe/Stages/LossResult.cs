// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Stages;

/// <summary>Result of a loss.</summary>
/// <param name="Value">The scalar.</param>
/// <param name="State">What the backward needs; null when there is nothing.</param>
public readonly record struct LossResult(double Value, IDisposable? State);
