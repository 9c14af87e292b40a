// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;

namespace DeepInfra.Core.Interop;

/// <summary>
/// What the CUDA driver of this machine reports, found at first use. A machine without driver or device has an
/// empty list and a reason, never an exception. Thread-safe.
/// </summary>
internal static class CudaDriver
{
    private static readonly Lazy<Report> s_report = new(Probe);

    /// <summary>The devices, or none.</summary>
    public static IReadOnlyList<CudaDeviceInfo> Devices => s_report.Value.Devices;

    /// <summary>The CUDA version of the driver as the driver encodes it, such as 12040; 0 without driver.</summary>
    public static int DriverVersion => s_report.Value.DriverVersion;

    /// <summary>The driver library that was loaded; null without driver.</summary>
    public static string? Library => s_report.Value.Library;

    /// <summary>True if the devices are simulated on the CPU.</summary>
    public static bool IsSimulator => s_report.Value.IsSimulator;

    /// <summary>Why there is no device; null if there is one.</summary>
    public static string? MissingReason => s_report.Value.Missing;

    private static Report Probe()
    {
        try
        {
            var api = CudaApi.Instance;
            var devices = CudaDevice
                .All.Select(d => new CudaDeviceInfo(d.Ordinal, d.Name, d.ComputeCapability))
                .ToArray();
            return new Report(
                devices,
                api.Version,
                api.Library,
                api.IsSimulator,
                devices.Length == 0 ? "the CUDA driver reports no device" : null
            );
        }
        catch (NativeLibraryNotFoundException e)
        {
            return Report.None($"{e.LibraryName} was not found", 0);
        }
        catch (CudaDriverTooOldException e)
        {
            return Report.None(e.Message, e.FoundVersion);
        }
        catch (DeepInfraException e)
        {
            return Report.None(e.Message, 0);
        }
    }

    private sealed record Report(
        CudaDeviceInfo[] Devices,
        int DriverVersion,
        string? Library,
        bool IsSimulator,
        string? Missing
    )
    {
        public static Report None(string reason, int version) =>
            new([], version, null, false, reason);
    }
}
