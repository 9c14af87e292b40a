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
// What cuMemHostAlloc gave: cuMemFreeHost takes nothing else, no registered memory and no address
// inside.
std::mutex host_mutex;
std::unordered_set<void*> host_allocations;
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
    auto known = host_allocations.insert(memory.get()).first;
    try {
        add_host_range(memory.get(), bytes);
    } catch (...) {
        host_allocations.erase(known);
        throw;
    }
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
        if (host_allocations.erase(p) == 0)
            return CUDA_ERROR_INVALID_VALUE;
    }
    if (Context* context = current_context())
        synchronize_context(*context);
    remove_host_range(p);
    std::free(p);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuMemHostRegister_v2(void* p, std::size_t bytes, unsigned) try {
    if (p == nullptr || bytes == 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (in_host_range(p, 1))
        return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
    add_host_range(p, bytes);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemHostUnregister(void* p) try {
    if (!in_host_range(p, 1))
        return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
    remove_host_range(p);
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
