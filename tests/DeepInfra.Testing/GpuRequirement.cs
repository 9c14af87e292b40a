// SPDX-License-Identifier: MIT
using System.Globalization;
using DeepInfra.Core.Interop;

namespace DeepInfra.Testing;

/// <summary>What a test needs from the GPUs of the machine, and whether it is there.</summary>
public sealed record GpuRequirement(
    int MinimumComputeCapability,
    int Devices,
    int MinimumDriverVersion
)
{
    /// <summary>True if a missing GPU must fail a test instead of skipping it.</summary>
    public static bool IsGpuRequired =>
        Environment.GetEnvironmentVariable("DEEPINFRA_REQUIRE_GPU") == "1";

    /// <summary>Why the machine does not meet the requirement; null if it does.</summary>
    public string? MissingReason
    {
        get
        {
            // The simulator shows neither performance nor the last bit: what asks for a GPU means hardware.
            var fitting = CudaDriver.IsSimulator
                ? 0
                : CudaDriver.Devices.Count(d => d.ComputeCapability >= MinimumComputeCapability);
            if (fitting >= Devices && CudaDriver.DriverVersion >= MinimumDriverVersion)
                return null;
            var what = Devices == 1 ? "CUDA device" : $"{Devices} CUDA devices";
            var driver =
                MinimumDriverVersion == 0 ? "" : $", driver >= {Version(MinimumDriverVersion)}";
            return $"needs {what}, compute capability >= {Capability(MinimumComputeCapability)}{driver} (found: {Found()})";
        }
    }

    private static string Found()
    {
        if (CudaDriver.Devices.Count == 0)
            return "none";
        if (CudaDriver.IsSimulator)
            return "the simulator";
        var devices = string.Join("; ", CudaDriver.Devices);
        return $"{devices}; driver {Version(CudaDriver.DriverVersion)}";
    }

    private static string Capability(int value) =>
        string.Create(CultureInfo.InvariantCulture, $"{value / 10}.{value % 10}");

    private static string Version(int value) =>
        string.Create(CultureInfo.InvariantCulture, $"{value / 1000}.{value % 1000 / 10}");
}
