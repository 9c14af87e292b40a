// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Execution;

/// <summary>Gradient with which the backward of each micro-batch's loss starts.</summary>
public enum GradientScale
{
    /// <summary>1: gradients are the sum over micro-batches.</summary>
    Sum,

    /// <summary>1 / (number of micro-batches of the step): gradients are the mean.</summary>
    Mean,
}
