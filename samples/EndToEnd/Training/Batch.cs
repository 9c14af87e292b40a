// SPDX-License-Identifier: MIT
namespace EndToEnd.Training;

/// <summary>Token ids [B,S] and the next token of each.</summary>
internal sealed record Batch(int[,] Inputs, int[,] Labels);
