// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>Names of compilation targets.</summary>
internal static class CudaArchitecture
{
    /// <summary>From Hopper on kernels use instructions that exist on one architecture only: suffix <c>a</c>.</summary>
    public static string NameOf(int computeCapability) =>
        computeCapability >= 90 ? $"sm_{computeCapability}a" : $"sm_{computeCapability}";

    /// <summary>How the name of a virtual target begins: what is compiled for it is PTX, which the driver finishes.</summary>
    public const string PtxPrefix = "compute_";

    /// <summary>True for a virtual target such as <c>compute_90</c>.</summary>
    public static bool IsPtx(string architecture) =>
        architecture.StartsWith(PtxPrefix, StringComparison.Ordinal);

    /// <summary>The number in a target such as <c>sm_90a</c> or <c>compute_90</c>.</summary>
    /// <exception cref="ArgumentException">Not of that form.</exception>
    public static int NumberOf(string architecture)
    {
        var prefix = IsPtx(architecture) ? PtxPrefix : "sm_";
        if (
            architecture.StartsWith(prefix, StringComparison.Ordinal)
            && int.TryParse(architecture.AsSpan(prefix.Length).TrimEnd("af"), out var number)
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
    /// <c>f</c> on the family. PTX without a suffix runs on its version and all later ones.
    /// </summary>
    /// <exception cref="CudaException">The device cannot run the target.</exception>
    public static void RequireRunsOn(string architecture, CudaDevice device, string kernel)
    {
        var target = NumberOf(architecture);
        var runs =
            architecture.EndsWith('a') ? device.ComputeCapability == target
            : IsPtx(architecture) && !architecture.EndsWith('f')
                ? device.ComputeCapability >= target
            : device.ComputeCapability / 10 == target / 10 && device.ComputeCapability >= target;
        if (!runs)
            throw new CudaException(
                CudaErrorCode.NoBinaryForGpu,
                "JitKernelCache.Load",
                $"Kernel {kernel} is compiled for {architecture}, which {device} does not run: use its CudaDevice.Architecture, {device.Architecture}."
            );
    }
}
