// SPDX-License-Identifier: MIT
using DeepInfra.Conformance.Gemm;
using DeepInfra.Core.Cpu;

namespace DeepInfra.Gemm.Tests.Cpu;

public readonly struct TierV512 : IGemmBackend
{
    public static GemmContext Create(int mkAlignment) =>
        CpuTiers.Create(SimdTier.V512, mkAlignment);
}

public readonly struct TierV256 : IGemmBackend
{
    public static GemmContext Create(int mkAlignment) =>
        CpuTiers.Create(SimdTier.V256, mkAlignment);
}

public readonly struct TierV128 : IGemmBackend
{
    public static GemmContext Create(int mkAlignment) =>
        CpuTiers.Create(SimdTier.V128, mkAlignment);
}

public readonly struct TierReference : IGemmBackend
{
    public static GemmContext Create(int mkAlignment) =>
        CpuTiers.Create(SimdTier.Reference, mkAlignment);
}

public readonly struct NativeKernels : IGemmBackend
{
    public static GemmContext Create(int mkAlignment) => CpuTiers.CreateNative(mkAlignment);
}

internal static class CpuTiers
{
    public static GemmContext Create(SimdTier tier, int mkAlignment = 128, int threads = 2) =>
        Create(GemmCpuKernels.Managed, tier, mkAlignment, threads);

    /// <summary>Native kernels; skips the test where there are none.</summary>
    public static GemmContext CreateNative(int mkAlignment = 128, int threads = 2)
    {
        RequireNative();
        return Create(GemmCpuKernels.Native, SimdTier.V512, mkAlignment, threads);
    }

    public static void RequireNative()
    {
        var found = GemmDiagnostics.DescribeCpuKernels(new() { CpuKernels = GemmCpuKernels.Auto });
        Assert.SkipUnless(found.StartsWith("native", StringComparison.Ordinal), found);
    }

    private static GemmContext Create(
        GemmCpuKernels kernels,
        SimdTier tier,
        int mkAlignment,
        int threads
    ) =>
        GemmContext.CreateCpu(
            new GemmOptions
            {
                CpuKernels = kernels,
                Cpu = new CpuBackendOptions { MaxIsa = tier, MaxDegreeOfParallelism = threads },
                MkAlignment = mkAlignment,
            }
        );
}
