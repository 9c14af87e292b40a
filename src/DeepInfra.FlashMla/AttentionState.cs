// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla;

/// <summary>
/// A normalised attention result with the log-sum-exp that is needed to merge it with results over other keys. The
/// base travels with the data, so merging states of different bases converts instead of corrupting.
/// </summary>
/// <param name="Out">Normalised output; decode <c>[b, s, h, Dv]</c>, prefill <c>[T, h, Dv]</c>.</param>
/// <param name="LogSumExp">Log-sum-exp; decode <c>[b, h, s]</c>, prefill <c>[T, h]</c>. Either infinity marks a row without keys.</param>
/// <param name="Base">Base of <paramref name="LogSumExp"/>.</param>
public readonly record struct AttentionState(
    Tensor Out,
    Tensor<float> LogSumExp,
    LogSumExpBase Base
);
