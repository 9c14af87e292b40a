// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Numerics;
using DeepInfra.Gemm;

namespace EndToEnd.Model;

/// <summary>y = x W^T with BFloat16 operands and float32 sums.</summary>
/// <param name="weight">[N,K] float32 master weights.</param>
internal sealed class Bf16Linear(Parameter weight) : IProduct, IDisposable
{
    private readonly Tensor<BFloat16> _weight = Tensor<BFloat16>.Create(weight.Shape);

    public Parameter Weight => weight;

    public void Dispose() => _weight.Dispose();

    public void Refresh() => NumberConvert.Narrow(weight.Value.AsSpan(), _weight.AsSpan());

    public Tensor<float> Dequantize()
    {
        var values = Tensor<float>.Create(weight.Shape);
        NumberConvert.Widen(_weight.AsSpan(), values.AsSpan());
        return values;
    }

    public void Forward(Tensor<float> x, Tensor<float> y) =>
        Fp8.Gemm.Bf16Gemm(Narrow(0, x), _weight, y, GemmLayout.NT);

    public void BackwardInput(Tensor<float> dy, Tensor<float> dx) =>
        Fp8.Gemm.Bf16Gemm(Narrow(0, dy), _weight, dx, GemmLayout.NN);

    public void BackwardWeight(Tensor<float> x, Tensor<float> dy, int expertRank)
    {
        var gradient = weight.Gradient(expertRank);
        Fp8.Gemm.Bf16Gemm(
            Narrow(0, dy).AsTransposed(),
            Narrow(1, x),
            gradient,
            GemmLayout.NN,
            new GemmCall { Accumulate = gradient }
        );
    }

    private static Tensor<BFloat16> Narrow(int slot, Tensor<float> x)
    {
        var narrow = ThreadScratch<BFloat16>.Rent(slot, x.Shape);
        NumberConvert.Narrow(x.AsSpan(), narrow.AsSpan());
        return narrow;
    }
}
