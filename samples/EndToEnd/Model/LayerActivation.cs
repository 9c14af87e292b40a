// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace EndToEnd.Model;

/// <summary>Everything one expert rank keeps of one micro-batch in one stage.</summary>
internal sealed class LayerActivation : IDisposable
{
    public Arena Arena { get; } = new();
    public int[] Tokens { get; set; } = [];
    public Tensor<int> CumulativeLengths { get; set; } = null!;
    public AttentionActivation Attention { get; } = new();
    public MoeActivation Moe { get; } = new();
    public Tensor<float> Hidden { get; set; } = null!;
    public Tensor<float> HeadInput { get; set; } = null!;
    public Tensor<float> HeadNormed { get; set; } = null!;
    public MoeGradients? MoeGradients { get; set; }

    public void Dispose()
    {
        MoeGradients?.Dispose();
        Moe.Dispose();
        CumulativeLengths?.Dispose();
        Arena.Dispose();
    }
}
