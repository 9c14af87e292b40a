// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Core.Interop;

/// <summary>
/// What the CUDA driver of this machine reports, found by name at first use. A machine without driver or device
/// has an empty list and a reason, never an exception. Thread-safe.
/// </summary>
internal static unsafe class CudaDriver
{
    private const int ComputeCapabilityMajor = 75;
    private const int ComputeCapabilityMinor = 76;

    private static readonly Lazy<Report> s_report = new(Probe);

    /// <summary>The devices, or none.</summary>
    public static IReadOnlyList<CudaDeviceInfo> Devices => s_report.Value.Devices;

    /// <summary>The CUDA version of the driver as the driver encodes it, such as 12040; 0 without driver.</summary>
    public static int DriverVersion => s_report.Value.DriverVersion;

    /// <summary>Why there is no device; null if there is one.</summary>
    public static string? MissingReason => s_report.Value.Missing;

    private static Report Probe()
    {
        var name = OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";
        if (!NativeLibrary.TryLoad(name, out var library))
            return Report.None(0, $"no CUDA driver ({name} not found)");
        if (
            !NativeLibrary.TryGetExport(library, "cuInit", out var init)
            || !NativeLibrary.TryGetExport(library, "cuDriverGetVersion", out var getVersion)
            || !NativeLibrary.TryGetExport(library, "cuDeviceGetCount", out var getCount)
            || !NativeLibrary.TryGetExport(library, "cuDeviceGetName", out var getName)
            || !NativeLibrary.TryGetExport(library, "cuDeviceGetAttribute", out var getAttribute)
        )
            return Report.None(0, $"{name} is not a CUDA driver");

        var status = ((delegate* unmanaged<uint, int>)init)(0);
        int version = 0;
        _ = ((delegate* unmanaged<int*, int>)getVersion)(&version);
        if (status != 0)
            return Report.None(version, $"cuInit failed with CUresult {status}");
        int count = 0;
        status = ((delegate* unmanaged<int*, int>)getCount)(&count);
        if (status != 0 || count == 0)
            return Report.None(version, "the CUDA driver reports no device");

        var devices = new CudaDeviceInfo[count];
        var text = stackalloc byte[256];
        for (var i = 0; i < count; i++)
        {
            // Ordinal and handle of a device are the same number.
            text[0] = 0;
            _ = ((delegate* unmanaged<byte*, int, int, int>)getName)(text, 256, i);
            int major = 0,
                minor = 0;
            var read = (delegate* unmanaged<int*, int, int, int>)getAttribute;
            _ = read(&major, ComputeCapabilityMajor, i);
            _ = read(&minor, ComputeCapabilityMinor, i);
            var deviceName = Marshal.PtrToStringUTF8((nint)text) ?? "";
            devices[i] = new CudaDeviceInfo(i, deviceName, 10 * major + minor);
        }
        return new Report(devices, version, null);
    }

    private sealed record Report(CudaDeviceInfo[] Devices, int DriverVersion, string? Missing)
    {
        public static Report None(int version, string reason) => new([], version, reason);
    }
}
