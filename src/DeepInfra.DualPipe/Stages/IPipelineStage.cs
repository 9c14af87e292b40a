// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Stages;

/// <summary>
/// One stage of the model. The engine calls a stage from one thread at a time, the thread of its rank.
/// </summary>
/// <remarks>
/// Ownership: the engine owns inputs and output gradients and keeps them valid until the backward of the
/// micro-batch is finished (B, or W of a split backward); the stage must not dispose them. Tensors that
/// the stage returns belong to the engine, which may release their storage at once: they must not share
/// storage with inputs or saved state.
/// </remarks>
public interface IPipelineStage
{
    /// <summary>
    /// Whether <see cref="BackwardInput"/> and <see cref="BackwardWeight"/> work. When false the engine runs
    /// the full backward at I and nothing at W.
    /// </summary>
    bool SupportsSplitBackward { get; }

    /// <summary>Forward of one micro-batch.</summary>
    /// <param name="context">Where and what.</param>
    /// <returns>The outputs and, when training, what the backward needs.</returns>
    StageForwardResult Forward(in StageForwardContext context);

    /// <summary>Full backward of one micro-batch; accumulates the weight gradients.</summary>
    /// <param name="context">Where and what.</param>
    /// <param name="activation">What <see cref="Forward"/> returned; the engine disposes it.</param>
    /// <param name="outputGradients">One entry per output; null where no gradient flows.</param>
    /// <returns>One entry per input, null where no gradient flows; the first stage may return an empty list.</returns>
    TensorList Backward(
        in StageBackwardContext context,
        StageActivation activation,
        TensorList outputGradients
    );

    /// <summary>Backward for the inputs only; the weight-gradient work is captured for later.</summary>
    /// <param name="context">Where and what.</param>
    /// <param name="activation">What <see cref="Forward"/> returned; the engine disposes it after the W.</param>
    /// <param name="outputGradients">One entry per output; null where no gradient flows.</param>
    /// <returns>Input gradients and the deferred work.</returns>
    SplitBackwardResult BackwardInput(
        in StageBackwardContext context,
        StageActivation activation,
        TensorList outputGradients
    );

    /// <summary>Runs deferred weight-gradient work.</summary>
    /// <param name="context">Where and what.</param>
    /// <param name="work">What <see cref="BackwardInput"/> returned; the engine disposes it.</param>
    void BackwardWeight(in StageBackwardContext context, WeightGradientWork work);
}
