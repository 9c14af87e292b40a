// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;

namespace DeepInfra.Core.Tests;

/// <summary>The tiers that this process can run, for theories.</summary>
internal static class SimdTiers
{
    public static IEnumerable<SimdTier> Supported =>
        Enum.GetValues<SimdTier>().Where(t => t <= CpuBackendOptions.HardwareTier);

    public static TheoryData<SimdTier> Theory => [.. Supported];
}
