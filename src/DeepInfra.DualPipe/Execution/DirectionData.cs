// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Execution;

/// <summary>
/// Inputs and labels of one direction. Either whole batches, which the engine splits along the batch
/// dimension, or ready-made micro-batches. The caller keeps ownership and must not change or release the
/// tensors before the step has ended.
/// </summary>
public sealed record DirectionData
{
    /// <summary>Whole input tensors; empty when <see cref="MicroBatchInputs"/> is given.</summary>
    public TensorList Inputs { get; init; }

    /// <summary>Whole label tensors; empty when <see cref="MicroBatchLabels"/> is given or there are none.</summary>
    public TensorList Labels { get; init; }

    /// <summary>Inputs per micro-batch of this direction, in order.</summary>
    public IReadOnlyList<TensorList>? MicroBatchInputs { get; init; }

    /// <summary>Labels per micro-batch of this direction, in order.</summary>
    public IReadOnlyList<TensorList>? MicroBatchLabels { get; init; }
}
