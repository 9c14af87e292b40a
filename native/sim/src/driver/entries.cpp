// SPDX-License-Identifier: MIT
#include "driver/entries.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <unordered_map>

#include "async/tensor_map.h"
#include "driver/state.h"
#include "memory/device_heap.h"
#include "memory/write_trace.h"

using namespace cudasim;
using namespace cudasim::driver;

// The table only needs addresses; signatures are where the functions are defined.
#define DECLARE(name, symbol) CUDASIM_API void symbol##_entry() __asm__(#symbol);
CUDASIM_ENTRIES(DECLARE)
#undef DECLARE

namespace {

struct ErrorText {
    CUresult code;
    const char *name, *text;
};
constexpr ErrorText kErrors[] = {
    {0, "CUDA_SUCCESS", "no error"},
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {4, "CUDA_ERROR_DEINITIALIZED", "driver shutting down"},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {200, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {209, "CUDA_ERROR_NO_BINARY_FOR_GPU",
     "no kernel image is available for execution on the device"},
    {217, "CUDA_ERROR_PEER_ACCESS_UNSUPPORTED",
     "peer access is not supported between these two devices"},
    {301, "CUDA_ERROR_FILE_NOT_FOUND", "file not found"},
    {304, "CUDA_ERROR_OPERATING_SYSTEM", "OS call failed or operation not supported on this OS"},
    {400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {401, "CUDA_ERROR_ILLEGAL_STATE", "the operation cannot be performed in the present state"},
    {500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {600, "CUDA_ERROR_NOT_READY", "device not ready"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {702, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
    {704, "CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED", "peer access is already enabled"},
    {705, "CUDA_ERROR_PEER_ACCESS_NOT_ENABLED", "peer access has not been enabled"},
    {709, "CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"},
    {710, "CUDA_ERROR_ASSERT", "device-side assert triggered"},
    {712, "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED",
     "part or all of the requested memory range is already mapped"},
    {713, "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED",
     "pointer does not correspond to a registered memory region"},
    {716, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {720, "CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE", "too many blocks in cooperative launch"},
    {800, "CUDA_ERROR_NOT_PERMITTED", "operation not permitted"},
    {801, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {902, "CUDA_ERROR_STREAM_CAPTURE_MERGE",
     "operation would result in a merge of separate capture sequences"},
    {903, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED",
     "capture was not ended in the same stream as it began"},
    {904, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED", "capturing stream has unjoined work"},
    {905, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION",
     "dependency created on uncaptured work in another stream"},
    {906, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT",
     "operation would make the legacy stream depend on a capturing stream"},
    {907, "CUDA_ERROR_CAPTURED_EVENT",
     "operation not permitted on an event last recorded in a capturing stream"},
    {910, "CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE", "the graph update was not performed"},
    {912, "CUDA_ERROR_INVALID_CLUSTER_SIZE",
     "a kernel launch error has occurred due to cluster misconfiguration"},
    {999, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

const std::unordered_map<std::string_view, void*>& table() {
    static const auto* entries = new std::unordered_map<std::string_view, void*>{
#define ENTRY(name, symbol) {#name, reinterpret_cast<void*>(&symbol##_entry)},
        CUDASIM_ENTRIES(ENTRY)
#undef ENTRY
    };
    return *entries;
}

} // namespace

CUDASIM_API CUresult cuGetProcAddress_v2(const char* name, void** function, int version,
                                         unsigned long long, int* status) try {
    if (name == nullptr || function == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    *function = nullptr;
    auto it = table().find(name);
    bool found = it != table().end();
    bool new_enough = version <= kDriverVersion;
    if (found && new_enough)
        *function = it->second;
    // CUdriverProcAddressQueryResult: 0 found, 1 not found, 2 version not sufficient.
    if (status != nullptr)
        *status = !found ? 1 : new_enough ? 0 : 2;
    return *function != nullptr ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuGetProcAddress(const char* name, void** function, int version,
                                      unsigned long long flags) try {
    return cuGetProcAddress_v2(name, function, version, flags, nullptr);
}
CUDASIM_CATCH

CUDASIM_API CUresult cuGetErrorName(CUresult error, const char** name) try {
    if (name == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    for (const ErrorText& e : kErrors) {
        if (e.code == error) {
            *name = e.name;
            return CUDA_SUCCESS;
        }
    }
    *name = nullptr;
    return CUDA_ERROR_INVALID_VALUE;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuGetErrorString(CUresult error, const char** text) try {
    if (text == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    for (const ErrorText& e : kErrors) {
        if (e.code == error) {
            *text = e.text;
            return CUDA_SUCCESS;
        }
    }
    *text = nullptr;
    return CUDA_ERROR_INVALID_VALUE;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuTensorMapEncodeTiled(TensorMap* map, int type, unsigned rank, void* address,
                                            const std::uint64_t* extents,
                                            const std::uint64_t* strides, const std::uint32_t* box,
                                            const std::uint32_t* element_strides, int interleave,
                                            int swizzle, int promotion, int fill) try {
    if (extents == nullptr || box == nullptr || element_strides == nullptr ||
        (strides == nullptr && rank > 1) || promotion < 0 || promotion > 3) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    bool not_modelled = false;
    const char* wrong =
        encode_tensor_map(map, type, rank, address, extents, strides, box, element_strides,
                          interleave, swizzle, fill, &not_modelled);
    if (wrong == nullptr)
        return CUDA_SUCCESS;
    return not_modelled ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE;
}
CUDASIM_CATCH

namespace {
int give_text(const std::string& from, char* text, std::size_t bytes) {
    if (text != nullptr && bytes > 0) {
        std::size_t n = std::min(bytes - 1, from.size());
        std::memcpy(text, from.data(), n);
        text[n] = 0;
    }
    return static_cast<int>(from.size());
}
} // namespace

// Without memory for it there is no text.
CUDASIM_API int di_cudasim_last_report(char* text, std::size_t bytes) try {
    return give_text(last_report(), text, bytes);
} catch (...) {
    return give_text({}, text, bytes);
}

CUDASIM_API int di_cudasim_last_writer(const void* address, char* text, std::size_t bytes) try {
    return give_text(describe_last_writer(address), text, bytes);
} catch (...) {
    return give_text({}, text, bytes);
}

// Contexts that it has no memory to wait for stay broken.
CUDASIM_API void di_cudasim_reset() try {
    for (int d = 0; d < DeviceHeap::instance().device_count(); ++d) {
        synchronize_context(primary_context(d));
        repair_context(primary_context(d));
    }
} catch (...) {
}
