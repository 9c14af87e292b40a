// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Stages;

/// <summary>
/// A stage made of functions. Without <see cref="BackwardInputFunction"/> and
/// <see cref="BackwardWeightFunction"/> it does not support split backward.
/// </summary>
public sealed class DelegateStage : IPipelineStage
{
    /// <summary>Signature of <see cref="IPipelineStage.Forward"/>.</summary>
    /// <param name="context">Where and what.</param>
    /// <returns>Outputs and activation.</returns>
    public delegate StageForwardResult ForwardDelegate(in StageForwardContext context);

    /// <summary>Signature of <see cref="IPipelineStage.Backward"/>.</summary>
    /// <param name="context">Where and what.</param>
    /// <param name="activation">The activation.</param>
    /// <param name="outputGradients">Output gradients.</param>
    /// <returns>Input gradients.</returns>
    public delegate TensorList BackwardDelegate(
        in StageBackwardContext context,
        StageActivation activation,
        TensorList outputGradients
    );

    /// <summary>Signature of <see cref="IPipelineStage.BackwardInput"/>.</summary>
    /// <param name="context">Where and what.</param>
    /// <param name="activation">The activation.</param>
    /// <param name="outputGradients">Output gradients.</param>
    /// <returns>Input gradients and deferred work.</returns>
    public delegate SplitBackwardResult BackwardInputDelegate(
        in StageBackwardContext context,
        StageActivation activation,
        TensorList outputGradients
    );

    /// <summary>Signature of <see cref="IPipelineStage.BackwardWeight"/>.</summary>
    /// <param name="context">Where and what.</param>
    /// <param name="work">The deferred work.</param>
    public delegate void BackwardWeightDelegate(
        in StageBackwardContext context,
        WeightGradientWork work
    );

    /// <summary>The forward.</summary>
    public required ForwardDelegate ForwardFunction { get; init; }

    /// <summary>The full backward; null for a stage that only infers.</summary>
    public BackwardDelegate? BackwardFunction { get; init; }

    /// <summary>The backward for the inputs; optional.</summary>
    public BackwardInputDelegate? BackwardInputFunction { get; init; }

    /// <summary>The deferred weight work; optional.</summary>
    public BackwardWeightDelegate? BackwardWeightFunction { get; init; }

    /// <inheritdoc/>
    public bool SupportsSplitBackward =>
        BackwardInputFunction is not null && BackwardWeightFunction is not null;

    /// <inheritdoc/>
    public StageForwardResult Forward(in StageForwardContext context) => ForwardFunction(context);

    /// <inheritdoc/>
    public TensorList Backward(
        in StageBackwardContext context,
        StageActivation activation,
        TensorList outputGradients
    ) =>
        (BackwardFunction ?? throw Missing(nameof(BackwardFunction)))(
            context,
            activation,
            outputGradients
        );

    /// <inheritdoc/>
    public SplitBackwardResult BackwardInput(
        in StageBackwardContext context,
        StageActivation activation,
        TensorList outputGradients
    ) =>
        (BackwardInputFunction ?? throw Missing(nameof(BackwardInputFunction)))(
            context,
            activation,
            outputGradients
        );

    /// <inheritdoc/>
    public void BackwardWeight(in StageBackwardContext context, WeightGradientWork work) =>
        (BackwardWeightFunction ?? throw Missing(nameof(BackwardWeightFunction)))(context, work);

    private static NotSupportedException Missing(string name) =>
        new($"this {nameof(DelegateStage)} has no {name}");
}
