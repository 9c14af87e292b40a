// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Tests.Fixtures;

/// <summary>Wraps a stage and calls a hook before every action; can hide the split backward.</summary>
internal sealed class ProbeStage(
    IPipelineStage inner,
    Action<string, int, CancellationToken>? before = null,
    bool split = true
) : IParameterizedStage
{
    public bool SupportsSplitBackward => split && inner.SupportsSplitBackward;

    public IReadOnlyList<PipelineParameter> Parameters => ((IParameterizedStage)inner).Parameters;

    public StageForwardResult Forward(in StageForwardContext context)
    {
        before?.Invoke("F", context.MicroBatch, context.CancellationToken);
        return inner.Forward(context);
    }

    public TensorList Backward(
        in StageBackwardContext context,
        StageActivation activation,
        TensorList outputGradients
    )
    {
        before?.Invoke("B", context.MicroBatch, context.CancellationToken);
        return inner.Backward(context, activation, outputGradients);
    }

    public SplitBackwardResult BackwardInput(
        in StageBackwardContext context,
        StageActivation activation,
        TensorList outputGradients
    )
    {
        before?.Invoke("I", context.MicroBatch, context.CancellationToken);
        return inner.BackwardInput(context, activation, outputGradients);
    }

    public void BackwardWeight(in StageBackwardContext context, WeightGradientWork work)
    {
        before?.Invoke("W", context.MicroBatch, context.CancellationToken);
        inner.BackwardWeight(context, work);
    }
}
