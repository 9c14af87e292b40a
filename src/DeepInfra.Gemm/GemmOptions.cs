// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;

namespace DeepInfra.Gemm;

/// <summary>Settings of a <see cref="GemmContext"/>. Immutable; the defaults are valid.</summary>
public sealed record GemmOptions
{
    private const GemmCpuKernels Unset = (GemmCpuKernels)(-1);

    private static readonly Lazy<GemmCpuKernels> s_fromEnvironment = new(KernelsFromEnvironment);

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
    /// Which kernels the CPU backend may use. The default is <see cref="GemmCpuKernels.Auto"/>, or what the environment variable
    /// <c>DEEPINFRA_GEMM_CPU_KERNELS</c> (<c>auto|managed|native</c>, read once) says. Results do not depend on the number of
    /// threads with any of them; those of native kernels differ from those of managed ones in their last bits, and BFloat16 operands
    /// below 2^-126 count as zero there.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a choice.</exception>
    public GemmCpuKernels CpuKernels
    {
        get => field == Unset ? s_fromEnvironment.Value : field;
        init
        {
            if (!Enum.IsDefined(value))
                throw new ArgumentOutOfRangeException(
                    nameof(CpuKernels),
                    $"CpuKernels: expected a defined choice, got {value}"
                );
            field = value;
        }
    } = Unset;

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

    private static GemmCpuKernels KernelsFromEnvironment()
    {
        var text = Environment.GetEnvironmentVariable("DEEPINFRA_GEMM_CPU_KERNELS");
        if (string.IsNullOrEmpty(text))
            return GemmCpuKernels.Auto;
        if (
            !Enum.TryParse<GemmCpuKernels>(text, ignoreCase: true, out var kernels)
            || !char.IsAsciiLetter(text[0])
            || text.Contains(',', StringComparison.Ordinal)
        )
            throw new DeepInfraException(
                $"DEEPINFRA_GEMM_CPU_KERNELS: expected auto, managed or native, got '{text}'"
            );
        return kernels;
    }
}
