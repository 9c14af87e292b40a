// SPDX-License-Identifier: MIT
// Our own declarations of the driver's interface against the toolkit's header; compiles or not.
#include <cstddef>
#include <type_traits>

#include <cuda.h>

#include "common/host/cuda_types.h"

using namespace di::cuda;

static_assert(sizeof(LaunchAttribute) == sizeof(CUlaunchAttribute));
static_assert(offsetof(LaunchAttribute, value) == offsetof(CUlaunchAttribute, value));
static_assert(sizeof(LaunchConfig) == sizeof(CUlaunchConfig));
static_assert(offsetof(LaunchConfig, grid_x) == offsetof(CUlaunchConfig, gridDimX));
static_assert(offsetof(LaunchConfig, block_x) == offsetof(CUlaunchConfig, blockDimX));
static_assert(offsetof(LaunchConfig, shared_bytes) == offsetof(CUlaunchConfig, sharedMemBytes));
static_assert(offsetof(LaunchConfig, stream) == offsetof(CUlaunchConfig, hStream));
static_assert(offsetof(LaunchConfig, attributes) == offsetof(CUlaunchConfig, attrs));
static_assert(offsetof(LaunchConfig, attribute_count) == offsetof(CUlaunchConfig, numAttrs));

static_assert(kSuccess == CUDA_SUCCESS && kOutOfMemory == CUDA_ERROR_OUT_OF_MEMORY);
static_assert(kNoBinaryForGpu == CUDA_ERROR_NO_BINARY_FOR_GPU && kNotFound == CUDA_ERROR_NOT_FOUND);
static_assert(kFunctionMaxDynamicSharedBytes == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
static_assert(kDeviceMultiprocessorCount == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
static_assert(kDeviceComputeCapabilityMajor == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
static_assert(kDeviceComputeCapabilityMinor == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
static_assert(kDeviceMaxSharedPerBlockOptIn ==
              CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
static_assert(kLaunchCooperative == CU_LAUNCH_ATTRIBUTE_COOPERATIVE);
static_assert(kLaunchClusterDimension == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION);
static_assert(kLaunchProgrammaticStreamSerialization ==
              CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION);

// Enumerations and handles cross as integers and pointers of the same size.
static_assert(sizeof(CUresult) == sizeof(Result) && sizeof(CUdevice) == sizeof(Device));
static_assert(sizeof(CUlibrary) == sizeof(Library) && sizeof(CUkernel) == sizeof(Kernel));

// As many parameters, each of the same size.
template <typename R, typename... A> constexpr auto sizes_of(R (*)(A...)) {
    struct Table {
        size_t sizes[sizeof...(A)];
    };
    return Table{{sizeof(A)...}};
}
template <typename Ours, typename Theirs> constexpr bool same_parameters(Ours ours, Theirs theirs) {
    constexpr auto a = sizeof(sizes_of(ours)), b = sizeof(sizes_of(theirs));
    if constexpr (a != b)
        return false;
    const auto left = sizes_of(ours);
    const auto right = sizes_of(theirs);
    for (size_t i = 0; i < a / sizeof(size_t); i++)
        if (left.sizes[i] != right.sizes[i])
            return false;
    return true;
}

static_assert(same_parameters(GetProcAddress{},
                              static_cast<decltype(&cuGetProcAddress_v2)>(nullptr)));
static_assert(same_parameters(GetErrorName{}, static_cast<decltype(&cuGetErrorName)>(nullptr)));
static_assert(same_parameters(CtxGetDevice{}, static_cast<decltype(&cuCtxGetDevice)>(nullptr)));
static_assert(same_parameters(DeviceGetAttribute{},
                              static_cast<decltype(&cuDeviceGetAttribute)>(nullptr)));
static_assert(same_parameters(LibraryLoadData{},
                              static_cast<decltype(&cuLibraryLoadData)>(nullptr)));
static_assert(same_parameters(LibraryGetKernel{},
                              static_cast<decltype(&cuLibraryGetKernel)>(nullptr)));
static_assert(same_parameters(KernelSetAttribute{},
                              static_cast<decltype(&cuKernelSetAttribute)>(nullptr)));
static_assert(same_parameters(LaunchKernelEx{}, static_cast<decltype(&cuLaunchKernelEx)>(nullptr)));
