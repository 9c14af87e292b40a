// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Tests.Fixtures;

/// <summary>A stage that counts overlapped pairs and runs them interleaved by hand.</summary>
internal sealed class OverlappingStage(LinearGeluLinearStage inner)
    : IOverlappedPipelineStage,
        IParameterizedStage
{
    public int Pairs { get; private set; }

    public bool SupportsSplitBackward => true;

    public IReadOnlyList<PipelineParameter> Parameters => inner.Parameters;

    public StageForwardResult Forward(in StageForwardContext context) => inner.Forward(context);

    public TensorList Backward(
        in StageBackwardContext context,
        StageActivation activation,
        TensorList outputGradients
    ) => inner.Backward(context, activation, outputGradients);

    public SplitBackwardResult BackwardInput(
        in StageBackwardContext context,
        StageActivation activation,
        TensorList outputGradients
    ) => inner.BackwardInput(context, activation, outputGradients);

    public void BackwardWeight(in StageBackwardContext context, WeightGradientWork work) =>
        inner.BackwardWeight(context, work);

    public OverlappedResult ForwardBackward(
        in StageForwardContext forward,
        IOverlappedPipelineStage backwardStage,
        in StageBackwardContext backward,
        StageActivation activation,
        TensorList outputGradients
    )
    {
        Pairs++;
        var other = ((OverlappingStage)backwardStage).Inner;
        var (gradients, work) = other.BackwardInput(backward, activation, outputGradients);
        var result = inner.Forward(forward);
        using (work)
        {
            other.BackwardWeight(backward, work!);
        }

        return new OverlappedResult(result, gradients);
    }

    private LinearGeluLinearStage Inner => inner;
}
