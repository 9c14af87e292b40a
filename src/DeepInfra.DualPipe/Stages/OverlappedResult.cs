// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Stages;

/// <summary>Result of an overlapped pair.</summary>
/// <param name="Forward">What the forward returned.</param>
/// <param name="InputGradients">What the backward returned.</param>
public readonly record struct OverlappedResult(
    StageForwardResult Forward,
    TensorList InputGradients
);
