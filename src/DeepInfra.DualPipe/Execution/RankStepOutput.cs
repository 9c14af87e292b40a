// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Execution;

/// <summary>What one rank hands back after a successful step; arrays are indexed by direction.</summary>
internal sealed record RankStepOutput(
    double[]?[] Losses,
    TensorList?[] Outputs,
    TraceBuffer.Entry[]? Trace
);
