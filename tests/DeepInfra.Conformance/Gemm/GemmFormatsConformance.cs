// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Quantization;
using DeepInfra.Gemm;
using DeepInfra.Testing;
using FluentAssertions;
using Xunit;

namespace DeepInfra.Conformance.Gemm;

/// <summary>
/// Element formats of dense multiplications, and what quantisation costs: products of quantised matrices against the originals.
/// </summary>
public abstract class GemmFormatsConformance<TBackend>
    where TBackend : struct, IGemmBackend
{
    /// <summary>Few and many rows take different paths.</summary>
    public static TheoryData<int> RowCounts => [3, 40];

    private static GemmUnderTest Ops => new(TBackend.Create());

    [Theory]
    [MemberData(nameof(RowCounts))]
    public void Fp8Gemm_E5M2Infinity_Propagates(int m)
    {
        var inputs = new GemmInputs(m);
        var a = inputs.Fp8Wide(m, 32);
        var b = inputs.Fp8(16, 32);
        a.AsView().Row(0)[5] = Float8E5M2.FromBits(0xFC);
        b.AsView().Row(1)[5] = (Float8E4M3)2f;
        b.AsView().Row(2)[5] = (Float8E4M3)0f;
        var d = Tensor<float>.Create([m, 16]);

        Ops.Fp8GemmNT(new(a, inputs.Scales(m, 1)), new(b, inputs.Scales(1, 1)), d);

        d.AsView().Row(0)[1].Should().Be(float.NegativeInfinity);
        d.AsView().Row(0)[2].Should().Be(float.NaN);
    }

    [Theory]
    [InlineData(2, false)]
    [InlineData(2, true)]
    [InlineData(40, false)]
    [InlineData(40, true)]
    public void Fp8Gemm_QuantisedOperands_AreCloseToTheOriginals(int m, bool powersOfTwo)
    {
        var (a, b) = Originals(m);
        using var qa = Quantizer.QuantizePerToken(a, ue8m0: powersOfTwo, packedUe8m0: powersOfTwo);
        using var qb = Quantizer.QuantizePerBlock(b, ue8m0: powersOfTwo);
        var d = Tensor<BFloat16>.Create([m, b.Shape[0]]);

        Ops.Fp8GemmNT(new(qa.Data, qa.Scales), new(qb.Data, qb.Scales), d);

        GemmCheck.Difference(d, a, b).Should().BeLessThan(Tolerances.Gemm.Fp8.Difference);
    }

    [Theory]
    [MemberData(nameof(RowCounts))]
    public void Fp8Gemm_QuantisedToFp4_IsCloseToTheOriginals(int m)
    {
        var (a, b) = Originals(m);
        using var qa = Quantizer.QuantizePerToken(a);
        using var qa4 = Quantizer.QuantizePerTokenFp4(a, 32);
        using var qb4 = Quantizer.QuantizePerTokenFp4(b, 32);
        var d = Tensor<BFloat16>.Create([m, b.Shape[0]]);
        var right = new ScaledTensor(qb4.Data, qb4.Scales, qb4.IsFp4);

        Ops.Fp8GemmNT(new(qa.Data, qa.Scales), right, d);
        GemmCheck.Difference(d, a, b).Should().BeLessThan(Tolerances.Gemm.Fp8Fp4.Difference);

        Ops.Fp8GemmNT(new(qa4.Data, qa4.Scales, qa4.IsFp4), right, d);
        GemmCheck.Difference(d, a, b).Should().BeLessThan(Tolerances.Gemm.Fp4.Difference);
    }

    [Theory]
    [MemberData(nameof(RowCounts))]
    public void Bf16Gemm_RoundedOperands_AreCloseToTheOriginals(int m)
    {
        var (a, b) = Originals(m);
        var d = Tensor<BFloat16>.Create([m, b.Shape[0]]);

        Ops.Bf16GemmNT(Round(a), Round(b), d);

        GemmCheck.Difference(d, a, b).Should().BeLessThan(Tolerances.Gemm.BFloat16.Difference);
    }

    private static (Tensor<float> A, Tensor<float> B) Originals(int m)
    {
        var inputs = new GemmInputs(m);
        return (inputs.Normals(m, 384), inputs.Normals(136, 384));
    }

    private static Tensor<BFloat16> Round(Tensor<float> values)
    {
        var rounded = Tensor<BFloat16>.Create(values.Shape);
        for (var i = 0; i < values.ElementCount; i++)
            rounded.AsSpan()[i] = (BFloat16)values.AsSpan()[i];
        return rounded;
    }
}
