// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cpu;

/// <summary>Widths of SIMD that the CPU kernels have paths for, in ascending order.</summary>
public enum SimdTier
{
    /// <summary>Scalar code only: the oracle of the tests.</summary>
    Reference,

    /// <summary>128-bit vectors (SSE4.2, NEON).</summary>
    V128,

    /// <summary>256-bit vectors with fused multiply-add (AVX2 + FMA).</summary>
    V256,

    /// <summary>512-bit vectors (AVX-512 F/BW/DQ/VL).</summary>
    V512,
}
