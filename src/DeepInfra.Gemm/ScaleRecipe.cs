// SPDX-License-Identifier: MIT
namespace DeepInfra.Gemm;

/// <summary>How many elements share a scale factor along M (in A), N (in B) and K (in both).</summary>
/// <param name="GranM">Rows of A per scale: 1 for activations.</param>
/// <param name="GranN">Rows of B per scale: 128 for weights scaled by blocks, 1 for per-row scales.</param>
/// <param name="GranK">Elements along K per scale: 32, 64 or 128.</param>
public readonly record struct ScaleRecipe(int GranM, int GranN, int GranK);
