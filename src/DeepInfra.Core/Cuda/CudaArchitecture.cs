// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>Names of compilation targets.</summary>
internal static class CudaArchitecture
{
    /// <summary>From Hopper on kernels use instructions that exist on one architecture only: suffix <c>a</c>.</summary>
    public static string NameOf(int computeCapability) =>
        computeCapability >= 90 ? $"sm_{computeCapability}a" : $"sm_{computeCapability}";

    /// <summary>The number in a target such as <c>sm_90a</c>.</summary>
    /// <exception cref="ArgumentException">Not of that form.</exception>
    public static int NumberOf(string architecture)
    {
        if (
            architecture.StartsWith("sm_", StringComparison.Ordinal)
            && int.TryParse(architecture.AsSpan(3).TrimEnd("af"), out var number)
            && number is >= 50 and < 1000
        )
            return number;
        throw new ArgumentException(
            $"architecture: expected a target such as sm_90a, got '{architecture}'",
            nameof(architecture)
        );
    }

    /// <summary>
    /// Machine code runs on its own major version from its minor version up; with the suffix <c>a</c> on exactly one, with
    /// <c>f</c> on the family.
    /// </summary>
    /// <exception cref="CudaException">The device cannot run the target.</exception>
    public static void RequireRunsOn(string architecture, CudaDevice device, string kernel)
    {
        var target = NumberOf(architecture);
        var runs = architecture.EndsWith('a')
            ? device.ComputeCapability == target
            : device.ComputeCapability / 10 == target / 10 && device.ComputeCapability >= target;
        if (!runs)
            throw new CudaException(
                CudaErrorCode.NoBinaryForGpu,
                "JitKernelCache.Load",
                $"Kernel {kernel} is compiled for {architecture}, which {device} does not run: use its CudaDevice.Architecture, {device.Architecture}."
            );
    }
}
