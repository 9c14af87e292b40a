// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Stages;

/// <summary>
/// A stage that can run the forward of one micro-batch and the full backward of another together, for
/// example to compute one while the other communicates. Used for F&amp;B when both stages of the pair have
/// the same concrete type and implement it; otherwise the engine runs the forward, then the backward.
/// </summary>
public interface IOverlappedPipelineStage : IPipelineStage
{
    /// <summary>
    /// Runs this stage's forward and another stage's backward as one unit. Must give exactly the results of
    /// <see cref="IPipelineStage.Forward"/> followed by <see cref="IPipelineStage.Backward"/>.
    /// </summary>
    /// <param name="forward">Context of the forward, which runs on this stage.</param>
    /// <param name="backwardStage">Stage of the backward; same concrete type, may be this one.</param>
    /// <param name="backward">Context of the backward.</param>
    /// <param name="activation">Activation of the backward's micro-batch.</param>
    /// <param name="outputGradients">Output gradients of the backward's micro-batch.</param>
    /// <returns>Both results.</returns>
    OverlappedResult ForwardBackward(
        in StageForwardContext forward,
        IOverlappedPipelineStage backwardStage,
        in StageBackwardContext backward,
        StageActivation activation,
        TensorList outputGradients
    );
}
