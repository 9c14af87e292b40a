// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Quantization;
using DeepInfra.Gemm;
using DeepInfra.Gemm.Reference;
using DeepInfra.Testing;
using FluentAssertions;
using Xunit;

namespace DeepInfra.Conformance.Gemm;

/// <summary>Element formats of multiplications with groups along K, and what quantisation costs.</summary>
public abstract class KGroupedFormatsConformance<TBackend>
    where TBackend : struct, IGemmBackend
{
    private static GemmOperators Ops => TBackend.Create().Ops;

    [Fact]
    public void KGroupedGemm_E5M2Gradients_MatchesReference()
    {
        int[] ks = [130, 64];
        var inputs = new GemmInputs(1);
        var a = new ScaledTensor(inputs.Fp8Wide(194, 24), inputs.Scales(3, 24));
        var b = new ScaledTensor(inputs.Fp8(194, 40), inputs.Scales(3, 40));
        var d = inputs.Output(DType.Float32, 2, 24, 40);

        Ops.KGroupedFp8Gemm(a, b, d, ks);

        var recipe = new OperandRecipe(1, 128);
        GemmCheck.ShouldBeProduct(
            d.AsSelected(0, 1),
            ReferenceGemm.Values(
                new(a.Data.AsSlice(0, 130, 64), a.Scales.AsSlice(0, 2, 1)),
                true,
                recipe
            ),
            ReferenceGemm.Values(
                new(b.Data.AsSlice(0, 130, 64), b.Scales.AsSlice(0, 2, 1)),
                true,
                recipe
            )
        );
    }

    [Fact]
    public void KGroupedGemm_QuantisedPerChannel_IsCloseToTheOriginals()
    {
        var inputs = new GemmInputs(5);
        var a = inputs.Normals(256, 32);
        var b = inputs.Normals(256, 48);
        using var qa = Quantizer.QuantizePerChannel(a);
        using var qb = Quantizer.QuantizePerChannel(b);
        var d = Tensor<float>.Create([1, 32, 48]);

        Ops.KGroupedFp8Gemm(new(qa.Data, qa.Scales), new(qb.Data, qb.Scales), d, [256]);

        GemmCheck
            .Difference(
                d.AsReshaped([32, 48]),
                a.AsTransposed().ToContiguous(),
                b.AsTransposed().ToContiguous()
            )
            .Should()
            .BeLessThan(Tolerances.Gemm.Fp8.Difference);
    }
}
