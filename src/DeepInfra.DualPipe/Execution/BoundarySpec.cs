// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Execution;

/// <summary>
/// Expected tensors at a boundary between two stages. Both sides check what they send and receive against
/// it; a null tensor passes.
/// </summary>
/// <param name="Tensors">One entry per tensor, in order.</param>
public sealed record BoundarySpec(ImmutableArray<BoundaryTensor> Tensors)
{
    /// <summary>A boundary of one floating-point tensor.</summary>
    /// <param name="dataType">Element type.</param>
    /// <param name="shape">Extents.</param>
    /// <returns>The specification.</returns>
    public static BoundarySpec Single(PipelineDataType dataType, params long[] shape) =>
        new([new BoundaryTensor(dataType, [.. shape], dataType.IsFloatingPoint())]);

    internal void Check(TensorList tensors, string what)
    {
        if (tensors.Count != Tensors.Length)
        {
            throw new PipelineStageException(
                $"{what}: expected {Tensors.Length} tensors, got {tensors.Count}"
            );
        }

        for (var i = 0; i < Tensors.Length; i++)
        {
            if (tensors[i] is { } tensor && !Tensors[i].Matches(tensor))
            {
                throw new PipelineStageException(
                    $"{what}: tensor {i}: expected {Tensors[i]}, got {tensor}"
                );
            }
        }
    }
}
