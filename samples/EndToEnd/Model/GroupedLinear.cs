// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Quantization;
using DeepInfra.Gemm;

namespace EndToEnd.Model;

/// <summary>The same projection of several experts as grouped FP8 products; see <see cref="Linear"/>.</summary>
/// <param name="weight">[E,N,K]; an expert rank uses its share of the experts.</param>
internal sealed class GroupedLinear(Parameter weight, int localExperts) : IProduct, IDisposable
{
    private readonly Tensor<Float8E4M3> _codes = Tensor<Float8E4M3>.Create(weight.Shape);
    private readonly Tensor<float> _scales = Tensor<float>.Create([
        weight.Shape[0],
        Fp8.Blocks(weight.Shape[1]),
        Fp8.Blocks(weight.Shape[2]),
    ]);

    public Parameter Weight => weight;

    public void Dispose()
    {
        _codes.Dispose();
        _scales.Dispose();
    }

    public void Refresh()
    {
        for (long e = 0; e < weight.Shape[0]; e++)
            Quantizer.QuantizePerBlock(
                weight.Value.AsSelected(0, e),
                _codes.AsSelected(0, e),
                _scales.AsSelected(0, e),
                options: Fp8.Single
            );
    }

    public Tensor<float> Dequantize()
    {
        var values = Tensor<float>.Create(weight.Shape);
        for (long e = 0; e < weight.Shape[0]; e++)
            Fp8.DequantizeBlocks(
                _codes.AsSelected(0, e),
                _scales.AsSelected(0, e),
                values.AsSelected(0, e)
            );
        return values;
    }

    /// <param name="x">[R,K] rows grouped by expert.</param>
    /// <param name="y">[R,N], written; gap rows become zero.</param>
    public void Forward(ExpertRows rows, Tensor<float> x, Tensor<float> y, int expertRank)
    {
        if (rows.RowCount > 0)
            Fp8.Gemm.MGroupedFp8Gemm(
                Fp8.PerToken(x, powerOfTwo: true),
                Weights(expertRank),
                y,
                new PrefixSumLayout(rows.Ends),
                GemmLayout.NT
            );
    }

    public void BackwardInput(ExpertRows rows, Tensor<float> dy, Tensor<float> dx, int expertRank)
    {
        if (rows.RowCount > 0)
            Fp8.Gemm.MGroupedFp8Gemm(
                Fp8.PerToken(dy),
                Weights(expertRank),
                dx,
                new PrefixSumLayout(rows.Ends),
                GemmLayout.NN
            );
    }

    /// <summary>Adds dy^T x of every expert to its gradient: one product with groups along the rows.</summary>
    public void BackwardWeight(ExpertRows rows, Tensor<float> x, Tensor<float> dy, int expertRank)
    {
        if (rows.RowCount == 0)
            return;
        // Experts are disjoint between ranks, so all share the first gradient array.
        var gradient = weight.Gradient(0).AsSlice(0, (long)expertRank * localExperts, localExperts);
        Fp8.Gemm.KGroupedFp8Gemm(
            Fp8.PerChannel(0, dy),
            Fp8.PerChannel(1, x),
            gradient,
            new PrefixSumLayout(rows.Ends),
            new GemmCall { Accumulate = gradient }
        );
    }

    /// <summary>Products of a fixed number of row places per expert, of which the first few are valid (decode).</summary>
    /// <param name="x">[L,M,K] E4M3 with scales [L,M,K/128].</param>
    /// <param name="y">[L,M,N].</param>
    /// <param name="valid">[L] valid rows.</param>
    public void ForwardMasked(
        ScaledTensor x,
        Tensor y,
        Tensor<int> valid,
        int expectedRows,
        int expertRank
    ) => Fp8.Gemm.MGroupedFp8GemmMasked(x, Weights(expertRank), y, valid, expectedRows);

    private ScaledTensor Weights(int expertRank)
    {
        var first = (long)expertRank * localExperts;
        return new ScaledTensor(
            _codes.AsSlice(0, first, localExperts),
            _scales.AsSlice(0, first, localExperts)
        );
    }
}
