// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Interop;

/// <summary>DLPack's kinds of device, as far as they are understood here.</summary>
public enum DLDeviceType
{
    /// <summary>Host memory.</summary>
    Cpu = 1,

    /// <summary>CUDA device memory.</summary>
    Cuda = 2,

    /// <summary>Host memory pinned by CUDA.</summary>
    CudaHost = 3,

    /// <summary>CUDA managed memory.</summary>
    CudaManaged = 13,
}
