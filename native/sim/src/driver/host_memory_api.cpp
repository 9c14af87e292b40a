// SPDX-License-Identifier: MIT
// Page-locked memory of the host.
#include <cstdlib>
#include <memory>
#include <mutex>
#include <unordered_set>

#include "driver/state.h"
#include "memory/access.h"

using namespace cudasim;
using namespace cudasim::driver;

namespace {
// What cuMemHostAlloc gave and what cuMemHostRegister took, by its start: each is given back by its
// own call only, and not by an address inside.
std::mutex host_mutex;
std::unordered_set<void*> host_allocations;
std::unordered_set<void*> registered;

// Makes memory page-locked and remembers it, or does neither. Under host_mutex.
void remember(std::unordered_set<void*>& known, void* p, std::size_t bytes) {
    const auto entry = known.insert(p).first;
    try {
        add_host_range(p, bytes);
    } catch (...) {
        known.erase(entry);
        throw;
    }
}
} // namespace

CUDASIM_API CUresult cuMemHostAlloc(void** p, std::size_t bytes, unsigned) try {
    Context* context = nullptr;
    if (CUresult e = check_context(&context); e != CUDA_SUCCESS)
        return e;
    if (p == nullptr || bytes == 0)
        return CUDA_ERROR_INVALID_VALUE;
    std::unique_ptr<void, decltype(&std::free)> memory(
        std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096), &std::free);
    if (memory == nullptr)
        return CUDA_ERROR_OUT_OF_MEMORY;
    std::lock_guard<std::mutex> lock(host_mutex);
    remember(host_allocations, memory.get(), bytes);
    *p = memory.release();
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemAllocHost_v2(void** p, std::size_t bytes) try {
    return cuMemHostAlloc(p, bytes, 0);
}
CUDASIM_CATCH

CUDASIM_API CUresult cuMemFreeHost(void* p) try {
    {
        std::lock_guard<std::mutex> lock(host_mutex);
        if (host_allocations.count(p) == 0)
            return CUDA_ERROR_INVALID_VALUE;
    }
    // Without the lock, as work of a stream may allocate; then somebody else may have released it.
    if (Context* context = current_context())
        synchronize_context(*context);
    std::lock_guard<std::mutex> lock(host_mutex);
    if (host_allocations.count(p) == 0)
        return CUDA_ERROR_INVALID_VALUE;
    remove_host_range(p);
    host_allocations.erase(p);
    std::free(p);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuMemHostRegister_v2(void* p, std::size_t bytes, unsigned) try {
    if (p == nullptr || bytes == 0)
        return CUDA_ERROR_INVALID_VALUE;
    std::lock_guard<std::mutex> lock(host_mutex);
    if (overlaps_host_range(p, bytes))
        return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
    remember(registered, p, bytes);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemHostUnregister(void* p) try {
    std::lock_guard<std::mutex> lock(host_mutex);
    if (registered.count(p) == 0)
        return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
    remove_host_range(p);
    registered.erase(p);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* device, void* p, unsigned) try {
    if (!in_host_range(p, 1))
        return CUDA_ERROR_INVALID_VALUE;
    *device = reinterpret_cast<CUdeviceptr>(p);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemHostGetFlags(unsigned* flags, void* p) try {
    if (!in_host_range(p, 1))
        return CUDA_ERROR_INVALID_VALUE;
    *flags = 0;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
