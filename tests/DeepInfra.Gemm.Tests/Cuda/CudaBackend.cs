// SPDX-License-Identifier: MIT
using DeepInfra.Conformance.Gemm;
using DeepInfra.Core;
using DeepInfra.Core.Cuda;

namespace DeepInfra.Gemm.Tests.Cuda;

/// <summary>The first CUDA device: the simulator in a process that selects it, or a GPU. Skips without.</summary>
public readonly struct CudaBackend : IGemmBackend
{
    public static GemmContext Create(int mkAlignment)
    {
        Assert.SkipUnless(
            CudaDevice.IsAvailable,
            $"needs the CUDA simulator or a GPU (found: none; {CudaDevice.MissingReason?.Split('\n')[0]})"
        );
        return GemmContext.ForDevice(Device.Cuda(0), new GemmOptions { MkAlignment = mkAlignment });
    }
}
