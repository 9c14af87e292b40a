// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Stages;

/// <summary>Result of a backward for the inputs.</summary>
/// <param name="InputGradients">One entry per input, null where no gradient flows; the engine owns them.</param>
/// <param name="Work">The deferred weight-gradient work; null when there is none.</param>
public readonly record struct SplitBackwardResult(
    TensorList InputGradients,
    WeightGradientWork? Work
);
