// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;

namespace DeepInfra.FlashMla;

public static unsafe partial class MlaAttention
{
    /// <summary>Tells what runs on a device. Thread-safe, never throws for an unsupported device.</summary>
    /// <param name="device">The device.</param>
    public static MlaCapabilities GetCapabilities(Device device)
    {
        var cpu = device.IsCpu;
        return new MlaCapabilities
        {
            Device = device,
            Architecture = cpu
                ? $"cpu-{CpuBackendOptions.Default.Tier}".ToLowerInvariant()
                : "none",
            DecodeFormats = cpu ? Enum.GetValues<KvCacheFormat>() : [],
            PageSizes = cpu ? (1, int.MaxValue) : (0, 0),
            QueryHeads = cpu ? (1, int.MaxValue) : (0, 0),
            PrefillDense = cpu,
            PrefillDenseBackward = cpu,
            Sparse = cpu,
            Reason = cpu
                ? null
                : $"DeepInfra.FlashMla runs on the CPU only in this version, not on {device}.",
        };
    }
}
