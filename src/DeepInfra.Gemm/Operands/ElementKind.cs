// SPDX-License-Identifier: MIT
namespace DeepInfra.Gemm.Operands;

/// <summary>What the elements of an operand are.</summary>
internal enum ElementKind : byte
{
    Float8E4M3,
    Float8E5M2,
    Float4E2M1,
    BFloat16,
}
