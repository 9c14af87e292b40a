// SPDX-License-Identifier: MIT
// The part of the CUDA driver's binary interface that the simulator offers: codes, numbers and
// structs as documented for CUDA 12. Handles are pointers to the simulator's objects.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cudasim::driver {

using CUresult = int;
using CUdevice = int;
using CUdeviceptr = unsigned long long;

enum : CUresult {
    CUDA_SUCCESS = 0,
    CUDA_ERROR_INVALID_VALUE = 1,
    CUDA_ERROR_OUT_OF_MEMORY = 2,
    CUDA_ERROR_NOT_INITIALIZED = 3,
    CUDA_ERROR_DEINITIALIZED = 4,
    CUDA_ERROR_NO_DEVICE = 100,
    CUDA_ERROR_INVALID_DEVICE = 101,
    CUDA_ERROR_INVALID_IMAGE = 200,
    CUDA_ERROR_INVALID_CONTEXT = 201,
    CUDA_ERROR_NO_BINARY_FOR_GPU = 209,
    CUDA_ERROR_PEER_ACCESS_UNSUPPORTED = 217,
    CUDA_ERROR_FILE_NOT_FOUND = 301,
    CUDA_ERROR_OPERATING_SYSTEM = 304,
    CUDA_ERROR_INVALID_HANDLE = 400,
    CUDA_ERROR_ILLEGAL_STATE = 401,
    CUDA_ERROR_NOT_FOUND = 500,
    CUDA_ERROR_NOT_READY = 600,
    CUDA_ERROR_ILLEGAL_ADDRESS = 700,
    CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES = 701,
    CUDA_ERROR_LAUNCH_TIMEOUT = 702,
    CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED = 704,
    CUDA_ERROR_PEER_ACCESS_NOT_ENABLED = 705,
    CUDA_ERROR_CONTEXT_IS_DESTROYED = 709,
    CUDA_ERROR_ASSERT = 710,
    CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED = 712,
    CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED = 713,
    CUDA_ERROR_MISALIGNED_ADDRESS = 716,
    CUDA_ERROR_LAUNCH_FAILED = 719,
    CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE = 720,
    CUDA_ERROR_NOT_PERMITTED = 800,
    CUDA_ERROR_NOT_SUPPORTED = 801,
    CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED = 900,
    CUDA_ERROR_STREAM_CAPTURE_INVALIDATED = 901,
    CUDA_ERROR_STREAM_CAPTURE_MERGE = 902,
    CUDA_ERROR_STREAM_CAPTURE_UNMATCHED = 903,
    CUDA_ERROR_STREAM_CAPTURE_UNJOINED = 904,
    CUDA_ERROR_STREAM_CAPTURE_ISOLATION = 905,
    CUDA_ERROR_STREAM_CAPTURE_IMPLICIT = 906,
    CUDA_ERROR_CAPTURED_EVENT = 907,
    CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE = 910,
    CUDA_ERROR_INVALID_CLUSTER_SIZE = 912,
    CUDA_ERROR_UNKNOWN = 999
};

// CUlaunchAttributeID
enum : unsigned {
    kLaunchIgnore = 0,
    kLaunchCooperative = 2,
    kLaunchClusterDimension = 4,
    kLaunchClusterPreference = 5,
    kLaunchProgrammaticSerialization = 6,
    kLaunchPriority = 8
};

struct CUlaunchAttribute {
    unsigned id;
    unsigned pad;
    union {
        char bytes[64];
        int number;
        struct {
            unsigned x, y, z;
        } cluster;
    } value;
};

struct CUlaunchConfig {
    unsigned grid_x, grid_y, grid_z;
    unsigned block_x, block_y, block_z;
    unsigned shared_bytes;
    void* stream;
    const CUlaunchAttribute* attributes;
    unsigned attribute_count;
};

// CUfunction_attribute
enum {
    kFunctionMaxThreads = 0,
    kFunctionSharedBytes = 1,
    kFunctionConstBytes = 2,
    kFunctionLocalBytes = 3,
    kFunctionRegisters = 4,
    kFunctionPtxVersion = 5,
    kFunctionBinaryVersion = 6,
    kFunctionCacheModeCa = 7,
    kFunctionMaxDynamicShared = 8,
    kFunctionPreferredCarveout = 9,
    kFunctionClusterSizeMustBeSet = 10,
    kFunctionNonPortableClusterSize = 14
};

struct CUmemcpy2D {
    std::size_t src_x, src_y;
    int src_type;
    const void* src_host;
    CUdeviceptr src_device;
    void* src_array;
    std::size_t src_pitch;
    std::size_t dst_x, dst_y;
    int dst_type;
    void* dst_host;
    CUdeviceptr dst_device;
    void* dst_array;
    std::size_t dst_pitch;
    std::size_t width, height;
};
enum { kMemoryHost = 1, kMemoryDevice = 2, kMemoryUnified = 4 };

constexpr int kDriverVersion = 12040;
constexpr int kComputeMajor = 9, kComputeMinor = 0;
constexpr int kMultiprocessors = 132;
constexpr unsigned kMaxSharedOptIn = 227 * 1024;
constexpr unsigned kMaxSharedDefault = 48 * 1024;

} // namespace cudasim::driver

#define CUDASIM_API extern "C" __attribute__((visibility("default")))
