// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Stages;

/// <summary>
/// Loss for pipelines of <see cref="SyntheticStage"/>: its value is the micro-batch index, and its gradient
/// is the tensor that the last stage expects. Needs no labels. Thread-safe.
/// </summary>
/// <param name="stageCount">Number of stages of the pipeline.</param>
public sealed class SyntheticLoss(int stageCount) : IPipelineLoss
{
    private readonly Recycler<SyntheticTensor> _tensors = new(pool => new SyntheticTensor(pool));

    /// <inheritdoc/>
    public LossResult Forward(in LossContext context, TensorList outputs, TensorList labels)
    {
        var values = outputs[0]!.AsSpan<double>();
        if (values[0] != stageCount - 1 || values[1] != context.MicroBatch)
        {
            throw new PipelineStageException(
                $"the loss expected stage {stageCount - 1}, micro-batch {context.MicroBatch}, got {values[0]}, {values[1]}"
            );
        }

        return new LossResult(context.MicroBatch, null);
    }

    /// <inheritdoc/>
    public TensorList Backward(in LossContext context, IDisposable? state, double gradient)
    {
        var tensor = _tensors.Rent();
        tensor.Set(stageCount, context.MicroBatch);
        return tensor;
    }
}
