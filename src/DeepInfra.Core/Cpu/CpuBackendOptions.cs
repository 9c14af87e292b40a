// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepInfra.Core.Cpu;

/// <summary>How CPU kernels run. Immutable; results do not depend on the degree of parallelism.</summary>
public sealed record CpuBackendOptions
{
    private static readonly Lazy<CpuBackendOptions> s_default = new(FromEnvironment);

    /// <summary>
    /// The process default: every core and the widest SIMD of this machine, capped by the environment variables
    /// <c>DEEPINFRA_CPU_THREADS</c> and <c>DEEPINFRA_CPU_ISA</c> (<c>reference|v128|v256|v512</c>), read once.
    /// </summary>
    /// <exception cref="DeepInfraException">A variable has a value that cannot be understood.</exception>
    public static CpuBackendOptions Default => s_default.Value;

    /// <summary>The widest tier that this process can run.</summary>
    public static SimdTier HardwareTier { get; } = DetectTier();

    /// <summary>
    /// Most threads that one operation uses, the calling thread included; at least 1. Values above
    /// <see cref="CpuParallel.MaxThreads"/> become that number.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int MaxDegreeOfParallelism
    {
        get;
        init
        {
            if (value < 1)
                throw new ArgumentOutOfRangeException(
                    nameof(MaxDegreeOfParallelism),
                    $"MaxDegreeOfParallelism: expected a value >= 1, got {value}"
                );
            field = Math.Min(value, CpuParallel.MaxThreads);
        }
    } = Math.Min(Environment.ProcessorCount, CpuParallel.MaxThreads);

    /// <summary>Upper limit of the SIMD tier; the tier in use is <see cref="Tier"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a tier.</exception>
    public SimdTier MaxIsa
    {
        get;
        init
        {
            if (!Enum.IsDefined(value))
                throw new ArgumentOutOfRangeException(
                    nameof(MaxIsa),
                    $"MaxIsa: expected a defined tier, got {value}"
                );
            field = value;
        }
    } = SimdTier.V512;

    /// <summary>The tier in use: the lower of <see cref="MaxIsa"/> and <see cref="HardwareTier"/>.</summary>
    public SimdTier Tier => MaxIsa < HardwareTier ? MaxIsa : HardwareTier;

    private static SimdTier DetectTier()
    {
        if (
            Vector512.IsHardwareAccelerated
            && Avx512F.IsSupported
            && Avx512BW.IsSupported
            && Avx512DQ.IsSupported
        )
            return SimdTier.V512;
        if (Avx2.IsSupported && Fma.IsSupported)
            return SimdTier.V256;
        return Vector128.IsHardwareAccelerated ? SimdTier.V128 : SimdTier.Reference;
    }

    private static CpuBackendOptions FromEnvironment()
    {
        var options = new CpuBackendOptions();
        var threads = Environment.GetEnvironmentVariable("DEEPINFRA_CPU_THREADS");
        if (!string.IsNullOrEmpty(threads))
        {
            if (
                !int.TryParse(
                    threads,
                    NumberStyles.None,
                    CultureInfo.InvariantCulture,
                    out var count
                )
                || count < 1
            )
                throw new DeepInfraException(
                    $"DEEPINFRA_CPU_THREADS: expected a positive number, got '{threads}'"
                );
            options = options with { MaxDegreeOfParallelism = count };
        }
        var isa = Environment.GetEnvironmentVariable("DEEPINFRA_CPU_ISA");
        if (!string.IsNullOrEmpty(isa))
        {
            if (
                !Enum.TryParse<SimdTier>(isa, ignoreCase: true, out var tier)
                || !char.IsAsciiLetter(isa[0])
                || isa.Contains(',', StringComparison.Ordinal)
            )
                throw new DeepInfraException(
                    $"DEEPINFRA_CPU_ISA: expected reference, v128, v256 or v512, got '{isa}'"
                );
            options = options with { MaxIsa = tier };
        }
        return options;
    }
}
