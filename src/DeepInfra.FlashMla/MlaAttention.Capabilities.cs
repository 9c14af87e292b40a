// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.FlashMla.Cuda;

namespace DeepInfra.FlashMla;

public static unsafe partial class MlaAttention
{
    /// <summary>Tells what runs on a device. Thread-safe, never throws for an unsupported device.</summary>
    /// <param name="device">The device.</param>
    public static MlaCapabilities GetCapabilities(Device device)
    {
        if (device.IsCpu)
            return new MlaCapabilities
            {
                Device = device,
                Architecture = $"cpu-{CpuBackendOptions.Default.Tier}".ToLowerInvariant(),
                DecodeFormats = Enum.GetValues<KvCacheFormat>(),
                PageSizes = (1, int.MaxValue),
                QueryHeads = (1, int.MaxValue),
                PrefillDense = true,
                PrefillDenseBackward = true,
                Sparse = true,
            };
        var (architecture, reason) = Probe(device);
        var runs = reason is null;
        return new MlaCapabilities
        {
            Device = device,
            Architecture = architecture,
            DecodeFormats = runs ? CudaDecodeSupport.Formats : [],
            PageSizes = runs ? (1, int.MaxValue) : (0, 0),
            QueryHeads = runs ? (1, int.MaxValue) : (0, 0),
            PrefillDense = false,
            PrefillDenseBackward = false,
            Sparse = false,
            Reason = reason,
        };
    }

    private static (string Architecture, string? Reason) Probe(Device device)
    {
        try
        {
            return (CudaDecodeSupport.RequireDevice(device).Architecture, null);
        }
        catch (Exception e)
            when (e is DeepInfraException or NotSupportedException or ArgumentException)
        {
            return ("none", e.Message);
        }
    }
}
