// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Stages;

/// <summary>Result of a forward.</summary>
/// <param name="Outputs">Output tensors; the engine owns them from now on.</param>
/// <param name="Activation">Saved state for the backward; required when training, else null.</param>
public readonly record struct StageForwardResult(TensorList Outputs, StageActivation? Activation);
