// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.FlashMla;
using DeepInfra.Testing;
using Xunit;

namespace DeepInfra.Conformance.FlashMla;

/// <summary>Dense decode on the first CUDA device: the simulator in a process that selects it, or a GPU. Skips without.</summary>
public static class CudaDecodeBackend
{
    /// <summary>Skips the calling test without native library or device.</summary>
    public static void Require()
    {
        NativeLibraries.Require("deepinfra_flashmla");
        Assert.SkipUnless(
            CudaDevice.IsAvailable,
            $"needs the CUDA simulator or a GPU (found: none; {CudaDevice.MissingReason?.Split('\n')[0]})"
        );
    }

    /// <summary>What the kernels can do.</summary>
    public static bool Supports(DecodeCase problem) =>
        problem
            is {
                Format: not KvCacheFormat.Float16,
                HeadDim: 576 or 512,
                ValueDim: 512,
                QueryType: DType.BFloat16,
                OutType: DType.BFloat16 or DType.Float32
            };

    /// <inheritdoc cref="DecodeConformance.Decode"/>
    public static AttentionState Decode(
        MlaDecodeOptions options,
        Tensor q,
        KvBlocks cache,
        Tensor<int> blockTable,
        Tensor<int> cacheSeqlens,
        Tensor? output
    )
    {
        Require();
        return DeviceDecode.Run(
            Device.Cuda(0),
            options,
            q,
            cache,
            blockTable,
            cacheSeqlens,
            output?.DType ?? q.DType
        );
    }
}
