// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.FlashMla.Interop;

namespace DeepInfra.FlashMla.Cuda;

/// <summary>What dense decode can do on CUDA devices.</summary>
internal static class CudaDecodeSupport
{
    /// <summary>The oldest architecture that has kernels, as major · 10 + minor.</summary>
    public const int MinimumComputeCapability = 80;

    /// <summary>Columns of a value row.</summary>
    public const int ValueDim = 512;

    /// <summary>Cache formats that have kernels.</summary>
    public static IReadOnlyList<KvCacheFormat> Formats { get; } =
    [KvCacheFormat.BFloat16, KvCacheFormat.Fp8V32, KvCacheFormat.Fp8Model1];

    /// <summary>Refuses options without kernels.</summary>
    /// <exception cref="NotSupportedException">A format or dimension has no kernels, or the plan is for sparse decode.</exception>
    public static void RequireOptions(MlaDecodeOptions options)
    {
        if (options.TopK > 0)
            throw new NotSupportedException(
                "TopK: sparse decode has no CUDA kernels in this version; it runs on the CPU"
            );
        RequireFormat(options.Format);
        if (options.Shape is not { HeadDim: 576 or 512, ValueDim: ValueDim })
            throw new NotSupportedException(
                $"Shape: CUDA kernels exist for HeadDim 576 or 512 with ValueDim {ValueDim}, got {options.Shape.HeadDim} and {options.Shape.ValueDim}"
            );
    }

    /// <summary>Refuses caches without kernels.</summary>
    /// <exception cref="NotSupportedException">A format has no kernels.</exception>
    public static void RequireFormat(KvCacheFormat format)
    {
        if (!Formats.Contains(format))
            throw new NotSupportedException(
                $"Format: caches of {format} have no CUDA kernels; supported are {string.Join(", ", Formats)}"
            );
    }

    /// <summary>Refuses rows that append cannot read.</summary>
    /// <exception cref="NotSupportedException">They are neither BFloat16 nor Float32.</exception>
    public static void RequireRows(Tensor rows, string name)
    {
        if (rows.DType is not (DType.BFloat16 or DType.Float32))
            throw new NotSupportedException(
                $"{name}: CUDA kernels read BFloat16 or Float32, got {rows.DType}"
            );
    }

    /// <summary>Refuses element types without kernels.</summary>
    /// <exception cref="NotSupportedException">The queries are not BFloat16, or the output neither BFloat16 nor Float32.</exception>
    public static void RequireTypes(Tensor q, Tensor? output)
    {
        if (q.DType != DType.BFloat16)
            throw new NotSupportedException(
                $"q: CUDA kernels exist for BFloat16 queries, got {q.DType}"
            );
        if (output is not null && output.DType is not (DType.BFloat16 or DType.Float32))
            throw new NotSupportedException(
                $"output: CUDA kernels write BFloat16 or Float32, got {output.DType}"
            );
    }

    /// <summary>The device, with the native library loaded.</summary>
    /// <exception cref="NativeLibraryNotFoundException">The driver or the native library is missing.</exception>
    /// <exception cref="NotSupportedException">The device is older than the kernels.</exception>
    public static CudaDevice RequireDevice(Device device)
    {
        var cuda = CudaDevice.Get(device);
        FlashMlaLibrary.Area.EnsureDriver();
        if (cuda.ComputeCapability < MinimumComputeCapability)
            throw new NotSupportedException(
                $"device: CUDA kernels exist for compute capability 8.0 and above, got {cuda}"
            );
        return cuda;
    }
}
