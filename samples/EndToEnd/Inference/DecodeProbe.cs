// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using EndToEnd.Model;

namespace EndToEnd.Inference;

/// <summary>
/// Looks into decode steps at the seams of each layer. What a function writes into its tensor is what the step goes on
/// with. Rows are those of the step's sequences, in their order.
/// </summary>
internal abstract class DecodeProbe
{
    /// <summary>The layer's input, before its attention.</summary>
    public virtual void Enter(int layer, Tensor<float> x) { }

    /// <summary>The heads' values, before the output projection.</summary>
    public virtual void Attended(int layer, Tensor<float> context) { }

    /// <summary>Attention and residual, before the experts.</summary>
    public virtual void EnterExperts(int layer, Tensor<float> hidden) { }

    /// <summary>Chosen experts and their weights, before rows leave for them.</summary>
    public virtual void Routed(int layer, RouterActivation routing) { }

    /// <summary>The layer's output.</summary>
    public virtual void Leave(int layer, Tensor<float> y) { }
}
