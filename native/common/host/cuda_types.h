// SPDX-License-Identifier: MIT
// The part of the CUDA driver's interface that launchers use, declared here so that host code
// builds without a toolkit. Where a toolkit is found, tests/abi/cuda_types.cpp compares every
// declaration with cuda.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace di::cuda {

using Result = int32_t; // CUresult
using Device = int32_t; // CUdevice
using Library = void*;  // CUlibrary
using Kernel = void*;   // CUkernel; also accepted where a CUfunction is
using Stream = void*;   // CUstream

inline constexpr Result kSuccess = 0;
inline constexpr Result kOutOfMemory = 2;
inline constexpr Result kNoBinaryForGpu = 209;
inline constexpr Result kNotFound = 500;

// CUfunction_attribute
inline constexpr int32_t kFunctionMaxDynamicSharedBytes = 8;

// CUdevice_attribute
inline constexpr int32_t kDeviceMultiprocessorCount = 16;
inline constexpr int32_t kDeviceComputeCapabilityMajor = 75;
inline constexpr int32_t kDeviceComputeCapabilityMinor = 76;
inline constexpr int32_t kDeviceMaxSharedPerBlockOptIn = 97;

// CUlaunchAttributeID
inline constexpr int32_t kLaunchCooperative = 2;
inline constexpr int32_t kLaunchClusterDimension = 4;
inline constexpr int32_t kLaunchProgrammaticStreamSerialization = 6;

// CUlaunchAttribute: an identifier and 64 bytes whose meaning depends on it.
struct LaunchAttribute {
    int32_t id;
    int32_t pad;
    union {
        char bytes[64];
        int32_t number;
        struct {
            uint32_t x, y, z;
        } cluster;
        uint64_t alignment;
    } value;
};

// CUlaunchConfig
struct LaunchConfig {
    uint32_t grid_x, grid_y, grid_z;
    uint32_t block_x, block_y, block_z;
    uint32_t shared_bytes;
    Stream stream;
    LaunchAttribute* attributes;
    uint32_t attribute_count;
};

using GetProcAddress = Result (*)(const char* symbol, void** function, int32_t version,
                                  uint64_t flags, int32_t* status);
using Init = Result (*)(uint32_t flags);
using GetErrorName = Result (*)(Result error, const char** name);
using CtxGetDevice = Result (*)(Device* device);
using DeviceGetAttribute = Result (*)(int32_t* value, int32_t attribute, Device device);
using LibraryLoadData = Result (*)(Library* library, const void* code, int32_t* jit_options,
                                   void** jit_values, uint32_t jit_count, int32_t* library_options,
                                   void** library_values, uint32_t library_count);
using LibraryGetKernel = Result (*)(Kernel* kernel, Library library, const char* name);
using KernelSetAttribute = Result (*)(int32_t attribute, int32_t value, Kernel kernel,
                                      Device device);
using LaunchKernelEx = Result (*)(const LaunchConfig* config, Kernel function, void** parameters,
                                  void** extra);

} // namespace di::cuda
