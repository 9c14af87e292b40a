// SPDX-License-Identifier: MIT
namespace DeepInfra.Gemm.Operands;

/// <summary>How scale factors are stored.</summary>
internal enum ScaleKind : byte
{
    /// <summary>No scales: every factor is 1.</summary>
    None,

    Float32,

    /// <summary>One UE8M0 exponent per byte.</summary>
    Ue8m0,

    /// <summary>Int32 words of four UE8M0 exponents along K, lowest byte first.</summary>
    PackedUe8m0,
}
