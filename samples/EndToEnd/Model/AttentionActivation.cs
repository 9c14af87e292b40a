// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace EndToEnd.Model;

/// <summary>What <see cref="AttentionBlock"/> keeps of a forward pass; memory belongs to the micro-batch's arena.</summary>
internal sealed class AttentionActivation
{
    public Tensor<float> X { get; set; } = null!;
    public Tensor<int> CumulativeLengths { get; set; } = null!;
    public Tensor<float> Normed { get; set; } = null!;

    /// <summary>[T, latent | rope]: the latent before its norm, the shared key after its rotation.</summary>
    public Tensor<float> Compressed { get; set; } = null!;
    public Tensor<float> Latent { get; set; } = null!;
    public Tensor<float> KeyRope { get; set; } = null!;
    public Tensor<float> Query { get; set; } = null!;
    public Tensor<float> Key { get; set; } = null!;
    public Tensor<float> Value { get; set; } = null!;
    public Tensor<float> Context { get; set; } = null!;
    public Tensor<float> LogSumExp { get; set; } = null!;
}
