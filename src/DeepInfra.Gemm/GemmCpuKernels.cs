// SPDX-License-Identifier: MIT
namespace DeepInfra.Gemm;

/// <summary>Which kernels the CPU backend may use; see <see cref="GemmOptions.CpuKernels"/>.</summary>
public enum GemmCpuKernels
{
    /// <summary>
    /// Native ones where their library is installed and the processor runs them, managed ones elsewhere. Never fails for want of
    /// the library; <see cref="GemmDiagnostics.DescribeCpuKernels"/> says what was chosen and why.
    /// </summary>
    Auto,

    /// <summary>
    /// Managed ones: sums in ascending order of K with every subnormal kept, the same bits at every vector tier with fused
    /// multiply-add.
    /// </summary>
    Managed,

    /// <summary>Native ones, or the exception that says why there are none.</summary>
    Native,
}
