// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Stages;

/// <summary>
/// The loss after the last stage. In DualPipe the two loss ranks call it at the same time, each from its
/// own thread: an implementation must not keep unprotected state.
/// </summary>
public interface IPipelineLoss
{
    /// <summary>Loss of one micro-batch.</summary>
    /// <param name="context">Where and what.</param>
    /// <param name="outputs">Outputs of the last stage; released after the call.</param>
    /// <param name="labels">Labels of the micro-batch; the engine owns them.</param>
    /// <returns>The scalar and, when training, what the backward needs.</returns>
    LossResult Forward(in LossContext context, TensorList outputs, TensorList labels);

    /// <summary>Gradients of the outputs of one micro-batch.</summary>
    /// <param name="context">Where and what.</param>
    /// <param name="state">What <see cref="Forward"/> returned; the engine disposes it.</param>
    /// <param name="gradient">Gradient of the scalar: 1, or 1/C with mean scaling.</param>
    /// <returns>One entry per output; the engine owns them.</returns>
    TensorList Backward(in LossContext context, IDisposable? state, double gradient);
}
