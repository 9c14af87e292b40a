// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla;

/// <summary>Result of sparse prefill.</summary>
/// <param name="Out">Output <c>[T, h, Dv]</c>; 0 for rows without a valid entry.</param>
/// <param name="MaxLogits">Float32 <c>[T, h]</c>: largest scaled logit; -infinity for rows without a valid entry.</param>
/// <param name="LogSumExp">Float32 <c>[T, h]</c>, natural logarithm; +infinity for rows without a valid entry.</param>
/// <param name="IndexerLogSumExp">Float32 <c>[T, h]</c>: the log-sum-exp over the first entries only; null if not asked for.</param>
public readonly record struct SparsePrefillResult(
    Tensor Out,
    Tensor<float> MaxLogits,
    Tensor<float> LogSumExp,
    Tensor<float>? IndexerLogSumExp
);
