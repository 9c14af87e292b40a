// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>What a kernel takes on a device.</summary>
/// <param name="Registers">32-bit registers of a thread.</param>
/// <param name="StaticSharedBytes">Static shared memory of a block.</param>
/// <param name="LocalBytes">Local memory of a thread: spilled registers and arrays that are indexed at run time.</param>
/// <param name="MaxThreadsPerBlock">Most threads of a block, given the registers.</param>
public readonly record struct CudaKernelResources(
    int Registers,
    int StaticSharedBytes,
    int LocalBytes,
    int MaxThreadsPerBlock
);
