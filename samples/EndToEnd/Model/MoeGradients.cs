// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Ep;

namespace EndToEnd.Model;

/// <summary>A backward pass of <see cref="MoeBlock"/> between its phases.</summary>
internal sealed class MoeGradients : IDisposable
{
    public required Tensor<float> Output { get; init; }
    public Tensor<float> Normed { get; set; } = null!;
    public DispatchResult? Dispatched { get; set; }
    public CombineResult? Combined { get; set; }

    /// <summary>[N,K] gradients of the routing weights, in flight until the combine is done.</summary>
    public Tensor<float>? Weights { get; set; }

    public void Dispose()
    {
        Dispatched?.Dispose();
        Combined?.Dispose();
        Weights?.Dispose();
    }
}
