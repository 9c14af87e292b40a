// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>Working memory of attention kernels.</summary>
internal static class KernelScratch
{
    /// <summary>Whole vectors and prefetches may reach behind the last row of a buffer.</summary>
    private const int Slack = 4096;

    /// <summary>Takes 64-byte aligned memory of this thread; dispose the lease on it.</summary>
    /// <param name="bytes">Size.</param>
    public static CpuScratch.Lease Rent(long bytes) =>
        CpuScratch.Rent(checked((nuint)bytes) + Slack);
}
