// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Execution;

/// <summary>Expected form of one tensor at a boundary.</summary>
/// <param name="DataType">Element type.</param>
/// <param name="Shape">Extents.</param>
/// <param name="RequiresGradient">Whether a gradient flows back.</param>
public sealed record BoundaryTensor(
    PipelineDataType DataType,
    ImmutableArray<long> Shape,
    bool RequiresGradient = true
)
{
    internal bool Matches(PipelineTensor tensor) =>
        tensor.DataType == DataType
        && tensor.RequiresGradient == RequiresGradient
        && tensor.Shape.SequenceEqual(Shape.AsSpan());

    /// <inheritdoc/>
    public override string ToString() =>
        $"{DataType}[{string.Join(", ", Shape)}]{(RequiresGradient ? "" : " without gradient")}";
}
