// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Quantization;
using DeepInfra.Gemm;

namespace EndToEnd.Model;

/// <summary>
/// y = x W^T in FP8: activations and gradients with one scale per row and 128 columns, weights with one scale per 128x128
/// block, float32 sums. The recipe of DeepSeek-V3 (report §3.3).
/// </summary>
/// <param name="weight">[N,K] float32 master weights.</param>
/// <param name="powerOfTwoScales">
/// True rounds the input's scales up to powers of two. The latent's projection needs it: then the keys of prefill are
/// made from exactly the values that the FP8 cache holds.
/// </param>
internal sealed class Linear(Parameter weight, bool powerOfTwoScales = false)
    : IProduct,
        IDisposable
{
    private readonly Tensor<Float8E4M3> _codes = Tensor<Float8E4M3>.Create(weight.Shape);
    private readonly Tensor<float> _scales = Tensor<float>.Create([
        Fp8.Blocks(weight.Shape[0]),
        Fp8.Blocks(weight.Shape[1]),
    ]);

    public Parameter Weight => weight;

    public void Dispose()
    {
        _codes.Dispose();
        _scales.Dispose();
    }

    /// <summary>Quantises the master weights.</summary>
    public void Refresh() =>
        Quantizer.QuantizePerBlock(weight.Value, _codes, _scales, options: Fp8.Single);

    public Tensor<float> Dequantize()
    {
        var values = Tensor<float>.Create(weight.Shape);
        Fp8.DequantizeBlocks(_codes, _scales, values);
        return values;
    }

    /// <param name="x">[M,K].</param>
    /// <param name="y">[M,N], written.</param>
    public void Forward(Tensor<float> x, Tensor<float> y) =>
        Fp8.Gemm.Fp8Gemm(
            Fp8.PerToken(x, powerOfTwoScales),
            new ScaledTensor(_codes, _scales),
            y,
            GemmLayout.NT
        );

    /// <param name="dy">[M,N].</param>
    /// <param name="dx">[M,K], written or added to.</param>
    public void BackwardInput(Tensor<float> dy, Tensor<float> dx, bool accumulate = false) =>
        Fp8.Gemm.Fp8Gemm(
            Fp8.PerToken(dy),
            new ScaledTensor(_codes, _scales),
            dx,
            GemmLayout.NN,
            new GemmCall { Accumulate = accumulate ? dx : null }
        );

    /// <summary>Adds dy^T x to the weight's gradient of an expert rank.</summary>
    public void BackwardWeight(Tensor<float> x, Tensor<float> dy, int expertRank)
    {
        var gradient = weight
            .Gradient(expertRank)
            .AsReshaped([1, weight.Shape[0], weight.Shape[1]]);
        ReadOnlySpan<int> tokens = [(int)x.Shape[0]];
        Fp8.Gemm.KGroupedFp8Gemm(
            Fp8.PerChannel(0, dy),
            Fp8.PerChannel(1, x),
            gradient,
            tokens,
            GemmLayout.TN,
            new GemmCall { Accumulate = gradient }
        );
    }
}
