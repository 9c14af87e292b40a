// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.Core.Interop;
using DeepInfra.Gemm.Cpu;

[assembly: DisableRuntimeMarshalling]
[assembly: DefaultDllImportSearchPaths(
    DllImportSearchPath.AssemblyDirectory | DllImportSearchPath.SafeDirectories
)]

namespace DeepInfra.Gemm.Interop;

/// <summary>The optional native library of the CPU backend, and whether to use it.</summary>
internal static unsafe class GemmCpuLibrary
{
    // Why it cannot be used; null if it can. Looked for once, at the first multiplication that may use it.
    private static readonly Lazy<Exception?> s_obstacle = new(FindObstacle);

    public static NativeArea Area { get; } =
        new(
            "gemm_cpu",
            "DeepInfra.Gemm.Cpu.linux-x64",
            GemmCpuNativeMethods.HeaderAbiVersion,
            &GemmCpuNativeMethods.LastError
        );

    /// <summary>Whether multiplications with these settings use the library.</summary>
    /// <exception cref="DeepInfraException">The settings ask for it, and it is missing or another version.</exception>
    /// <exception cref="NotSupportedException">The settings ask for it, and this processor or the tier cannot.</exception>
    public static bool Uses(GemmOptions options)
    {
        if (options.CpuKernels == GemmCpuKernels.Managed)
            return false;
        if (Obstacle(options.Cpu) is not { } obstacle)
            return true;
        if (options.CpuKernels == GemmCpuKernels.Auto)
            return false;
        if (obstacle is NotSupportedException)
            throw new NotSupportedException(obstacle.Message);
        // The area keeps its failure and throws it on every use.
        _ = Area.Path;
        return true;
    }

    /// <summary>The file and what its kernels are, or why it is not used.</summary>
    public static string Describe(GemmOptions options)
    {
        var managed = $"managed kernels ({options.Cpu.Tier})";
        if (options.CpuKernels == GemmCpuKernels.Managed)
            return $"{managed}: asked for";
        return Obstacle(options.Cpu) is { } obstacle
            ? $"{managed}: {obstacle.Message}"
            : $"native kernels (AVX512-BF16) of {Area.Path}";
    }

    [ModuleInitializer]
    [SuppressMessage(
        "Usage",
        "CA2255",
        Justification = "The resolver must be registered before the first import is bound."
    )]
    internal static void RegisterResolver() =>
        NativeArea.RegisterResolver(typeof(GemmCpuLibrary).Assembly, Area);

    private static Exception? Obstacle(CpuBackendOptions options) =>
        options.Tier < SimdTier.V512 ? s_tierTooLow : s_obstacle.Value;

    private static readonly NotSupportedException s_tierTooLow = new(
        "The native kernels need the tier V512, which this processor, runtime or CpuBackendOptions.MaxIsa rules out."
    );

    private static Exception? FindObstacle()
    {
        if (!PairPanels.IsPackingSupported)
            return new NotSupportedException(
                "The native kernels need AVX512-VBMI, which this processor does not have."
            );
        try
        {
            _ = Area.Path;
        }
        catch (DeepInfraException e)
        {
            return e;
        }
        return (GemmCpuNativeMethods.Kernels() & (uint)NativeGemmCpuKernels.Bf16) != 0
            ? null
            : new NotSupportedException(
                $"{Area.Path} has no kernel that this processor and operating system run: they lack AVX512-BF16, or its compiler did."
            );
    }
}
