// SPDX-License-Identifier: MIT
namespace EndToEnd.Reference;

/// <summary>What a forward pass of <see cref="ReferenceModel"/> computed, one row per token.</summary>
/// <param name="RouterLogits">By layer, before the sigmoid.</param>
internal sealed record ReferenceForward(IReadOnlyList<Matrix> RouterLogits, Matrix Logits);
