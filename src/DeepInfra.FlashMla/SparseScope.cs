// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla;

/// <summary>A cache and the slots in it that each query token attends to. Borrows its tensors.</summary>
/// <param name="cache">The cache, one KV head.</param>
/// <param name="indices">
/// Int32 <c>[b, s, topk]</c>, last axis contiguous: slot = block · page + offset. Every value outside the cache is invalid and
/// skipped, -1 by convention; a slot that occurs twice counts twice; the order matters for rounding only.
/// </param>
/// <param name="lengths">Int32 <c>[b]</c>, contiguous, 0 to topk: only the leftmost entries count, those behind are never used. Null means all.</param>
public readonly struct SparseScope(KvBlocks cache, Tensor<int> indices, Tensor<int>? lengths = null)
{
    /// <summary>The cache.</summary>
    public KvBlocks Cache { get; } = cache;

    /// <summary>Slots per request and query token.</summary>
    public Tensor<int> Indices { get; } = indices;

    /// <summary>Valid entries per request; null means all.</summary>
    public Tensor<int>? Lengths { get; } = lengths;
}
