// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Gemm;

public sealed partial class GemmOperators
{
    /// <summary><see cref="Fp8Gemm"/> with A [M,K] and B [N,K].</summary>
    /// <inheritdoc cref="Fp8Gemm" path="/param"/>
    public void Fp8GemmNT(ScaledTensor a, ScaledTensor b, Tensor d, in GemmCall call = default) =>
        Fp8Gemm(a, b, d, GemmLayout.NT, call);

    /// <summary><see cref="Fp8Gemm"/> with A [M,K] and B [K,N].</summary>
    /// <inheritdoc cref="Fp8Gemm" path="/param"/>
    public void Fp8GemmNN(ScaledTensor a, ScaledTensor b, Tensor d, in GemmCall call = default) =>
        Fp8Gemm(a, b, d, GemmLayout.NN, call);

    /// <summary><see cref="Fp8Gemm"/> with A [K,M] and B [K,N].</summary>
    /// <inheritdoc cref="Fp8Gemm" path="/param"/>
    public void Fp8GemmTN(ScaledTensor a, ScaledTensor b, Tensor d, in GemmCall call = default) =>
        Fp8Gemm(a, b, d, GemmLayout.TN, call);

    /// <summary><see cref="Fp8Gemm"/> with A [K,M] and B [N,K].</summary>
    /// <inheritdoc cref="Fp8Gemm" path="/param"/>
    public void Fp8GemmTT(ScaledTensor a, ScaledTensor b, Tensor d, in GemmCall call = default) =>
        Fp8Gemm(a, b, d, GemmLayout.TT, call);

    /// <summary><see cref="Bf16Gemm"/> with A [M,K] and B [N,K].</summary>
    /// <inheritdoc cref="Bf16Gemm" path="/param"/>
    public void Bf16GemmNT(Tensor a, Tensor b, Tensor d, in GemmCall call = default) =>
        Bf16Gemm(a, b, d, GemmLayout.NT, call);

    /// <summary><see cref="Bf16Gemm"/> with A [M,K] and B [K,N].</summary>
    /// <inheritdoc cref="Bf16Gemm" path="/param"/>
    public void Bf16GemmNN(Tensor a, Tensor b, Tensor d, in GemmCall call = default) =>
        Bf16Gemm(a, b, d, GemmLayout.NN, call);

    /// <summary><see cref="Bf16Gemm"/> with A [K,M] and B [K,N].</summary>
    /// <inheritdoc cref="Bf16Gemm" path="/param"/>
    public void Bf16GemmTN(Tensor a, Tensor b, Tensor d, in GemmCall call = default) =>
        Bf16Gemm(a, b, d, GemmLayout.TN, call);

    /// <summary><see cref="Bf16Gemm"/> with A [K,M] and B [N,K].</summary>
    /// <inheritdoc cref="Bf16Gemm" path="/param"/>
    public void Bf16GemmTT(Tensor a, Tensor b, Tensor d, in GemmCall call = default) =>
        Bf16Gemm(a, b, d, GemmLayout.TT, call);
}
