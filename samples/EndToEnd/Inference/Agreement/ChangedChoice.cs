// SPDX-License-Identifier: MIT
namespace EndToEnd.Inference.Agreement;

/// <summary>A token that went to other experts in decode than in prefill.</summary>
/// <param name="Row">Of the trace.</param>
internal sealed record ChangedChoice(int Layer, int Row, int[] Prefill, int[] Decode);
