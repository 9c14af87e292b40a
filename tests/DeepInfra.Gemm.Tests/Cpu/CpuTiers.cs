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

internal static class CpuTiers
{
    public static GemmContext Create(SimdTier tier, int mkAlignment = 128, int threads = 2) =>
        GemmContext.CreateCpu(
            new GemmOptions
            {
                Cpu = new CpuBackendOptions { MaxIsa = tier, MaxDegreeOfParallelism = threads },
                MkAlignment = mkAlignment,
            }
        );
}
