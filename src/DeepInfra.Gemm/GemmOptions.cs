// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;

namespace DeepInfra.Gemm;

/// <summary>Settings of a <see cref="GemmContext"/>. Immutable; the defaults are valid.</summary>
public sealed record GemmOptions
{
    /// <summary>Threads and SIMD tier of the CPU backend.</summary>
    /// <exception cref="ArgumentNullException">Null.</exception>
    public CpuBackendOptions Cpu
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            field = value;
        }
    } = CpuBackendOptions.Default;

    /// <summary>
    /// The alignment of group starts in <see cref="PrefixSumLayout"/>, at least 1. CUDA kernels need 128; the CPU backend
    /// takes any value, and a smaller one saves padding.
    /// </summary>
    public int MkAlignment
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            field = value;
        }
    } = 128;
}
