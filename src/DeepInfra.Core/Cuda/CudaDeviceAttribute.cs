// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>The attributes that <see cref="CudaDevice"/> reads; numbers of <c>CUdevice_attribute</c>.</summary>
internal enum CudaDeviceAttribute
{
    MaxThreadsPerBlock = 1,
    ClockKilohertz = 13,
    MultiprocessorCount = 16,
    L2CacheBytes = 38,
    MaxThreadsPerMultiprocessor = 39,
    ComputeCapabilityMajor = 75,
    ComputeCapabilityMinor = 76,
    SharedMemoryPerMultiprocessor = 81,
    RegistersPerMultiprocessor = 82,
    CooperativeLaunch = 95,
    SharedMemoryPerBlockOptIn = 97,
    MemoryPools = 115,
    ClusterLaunch = 120,
}
