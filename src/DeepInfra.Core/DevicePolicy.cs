// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;
using DeepInfra.Core.Interop;
using Microsoft.Extensions.Logging;

namespace DeepInfra.Core;

/// <summary>
/// Chooses a device where the program does not: the only place that does. Operations never choose, they run where their tensors are.
/// Thread-safe.
/// </summary>
/// <example>
/// <code>
/// var device = DevicePolicy.PreferCuda(logger);
/// var gemm = GemmContext.ForDevice(device);
/// </code>
/// </example>
public static partial class DevicePolicy
{
    private static readonly Lazy<(Device Device, string Reason)> s_choice = new(Choose);
    private static int s_logged;

    /// <summary>
    /// The first CUDA device, or the CPU on a machine without driver or device, or whose driver is too old. The choice is made
    /// once in a process; <see cref="DeepInfraInfo"/> reports it with its reason.
    /// </summary>
    /// <param name="logger">Is told the choice (event 1001), the first one that is given; null logs nothing.</param>
    public static Device PreferCuda(ILogger? logger = null)
    {
        var (device, reason) = s_choice.Value;
        if (logger is not null && Interlocked.Exchange(ref s_logged, 1) == 0)
            LogChoice(logger, device, reason);
        return device;
    }

    /// <summary>The choice and its reason; null as long as nobody asked.</summary>
    internal static string? Describe() =>
        s_choice.IsValueCreated ? $"{s_choice.Value.Device}: {s_choice.Value.Reason}" : null;

    private static (Device Device, string Reason) Choose() =>
        CudaDriver.MissingReason is { } missing
            ? (Device.Cpu, $"no CUDA device, {missing}")
            : (Device.Cuda(0), CudaDevice.Get(0).ToString());

    [LoggerMessage(1001, LogLevel.Information, "Chose {Device}: {Reason}")]
    private static partial void LogChoice(ILogger logger, Device device, string reason);
}
