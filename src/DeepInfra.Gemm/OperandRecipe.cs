// SPDX-License-Identifier: MIT
namespace DeepInfra.Gemm;

/// <summary>How many elements of one operand share a scale factor.</summary>
/// <param name="GranMn">Elements along M (of A) or N (of B) per scale.</param>
/// <param name="GranK">Elements along K per scale: 32, 64 or 128.</param>
public readonly record struct OperandRecipe(int GranMn, int GranK);
