// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla;

/// <summary>Gradients of prefill attention.</summary>
/// <param name="Query">Like the queries, <c>[Tq, h, D]</c>.</param>
/// <param name="Key">Like the keys, <c>[Tk, h_k, D]</c>, summed over the query heads of a group.</param>
/// <param name="Value">Like the values, <c>[Tk, h_k, Dv]</c>, summed over the query heads of a group.</param>
public readonly record struct PrefillGradients(Tensor Query, Tensor Key, Tensor Value);
