// SPDX-License-Identifier: MIT
using DeepInfra.Conformance.FlashMla;
using DeepInfra.Core;
using DeepInfra.Testing;

namespace DeepInfra.FlashMla.Tests.Cuda;

[Trait("Category", "Sim")]
public sealed class DenseDecodeCudaTests : DenseDecodeConformance
{
    protected override void RequireBackend() => CudaDecodeBackend.Require();

    protected override Tolerance Tolerance => Tolerances.FlashMla.DenseDecode;

    protected override Tolerance LogSumExpTolerance => Tolerances.FlashMla.DenseDecodeLogSumExp;

    protected override bool Supports(DecodeCase problem) => CudaDecodeBackend.Supports(problem);

    protected override AttentionState Decode(
        MlaDecodeOptions options,
        Tensor q,
        KvBlocks cache,
        Tensor<int> blockTable,
        Tensor<int> cacheSeqlens,
        Tensor? output = null
    ) => CudaDecodeBackend.Decode(options, q, cache, blockTable, cacheSeqlens, output);
}

/// <summary>Some hundred million operations: too slow for a simulator in the default run.</summary>
[Trait("Category", "Sim")]
[Trait("Category", "Slow")]
public sealed class DenseDecodeMatrixCudaTests : DenseDecodeMatrixConformance
{
    protected override void RequireBackend() => CudaDecodeBackend.Require();

    protected override Tolerance Tolerance => Tolerances.FlashMla.DenseDecode;

    protected override Tolerance LogSumExpTolerance => Tolerances.FlashMla.DenseDecodeLogSumExp;

    protected override AttentionState Decode(
        MlaDecodeOptions options,
        Tensor q,
        KvBlocks cache,
        Tensor<int> blockTable,
        Tensor<int> cacheSeqlens,
        Tensor? output = null
    ) => CudaDecodeBackend.Decode(options, q, cache, blockTable, cacheSeqlens, output);
}
