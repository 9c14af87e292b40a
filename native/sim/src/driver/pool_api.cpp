// SPDX-License-Identifier: MIT
// Memory pools and sharing of device memory between processes.
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include "driver/state.h"
#include "memory/access.h"
#include "memory/device_heap.h"

using namespace cudasim;
using namespace cudasim::driver;

namespace {

DeviceHeap& heap() { return DeviceHeap::instance(); }
std::uint8_t* pointer(CUdeviceptr p) { return reinterpret_cast<std::uint8_t*>(p); }

} // namespace

// --- pools: one per device, no limits ---
CUDASIM_API CUresult cuDeviceGetDefaultMemPool(void** pool, CUdevice device) try {
    if (device < 0 || device >= heap().device_count())
        return CUDA_ERROR_INVALID_DEVICE;
    *pool = &primary_context(device);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuDeviceGetMemPool(void** pool, CUdevice device) try {
    return cuDeviceGetDefaultMemPool(pool, device);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemPoolSetAttribute(void* pool, int, void* value) try {
    return pool == nullptr || value == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemPoolGetAttribute(void* pool, int attribute, void* value) try {
    if (pool == nullptr || value == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    std::uint64_t used = heap().used_bytes(static_cast<Context*>(pool)->device);
    if (attribute >= 4)
        std::memcpy(value, &used, 8);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
// accesses: {int location type, int device, int flags}.
CUDASIM_API CUresult cuMemPoolSetAccess(void* pool, const int* accesses, std::size_t count) try {
    if (pool == nullptr || (accesses == nullptr && count != 0))
        return CUDA_ERROR_INVALID_VALUE;
    int owner = static_cast<Context*>(pool)->device;
    for (std::size_t i = 0; i < count; ++i) {
        int device = accesses[3 * i + 1], flags = accesses[3 * i + 2];
        if (device < 0 || device >= heap().device_count())
            return CUDA_ERROR_INVALID_DEVICE;
        if (device != owner)
            set_pool_access(device, owner, flags == 3);
    }
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemPoolTrimTo(void* pool, std::size_t) try {
    return pool == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}
CUDASIM_CATCH

// --- IPC: the handle says which file of which process holds the memory ---
namespace {
struct IpcHandle {
    std::uint64_t magic;
    std::int32_t process, file;
    std::uint64_t offset, bytes;
    std::uint8_t rest[32];
};
static_assert(sizeof(IpcHandle) == 64, "a CUipcMemHandle has 64 bytes");
constexpr unsigned kLazyPeerAccess = 1; // the only flag there is
constexpr std::uint64_t kIpcMagic = 0x44495f4950433031ULL;
} // namespace

CUDASIM_API CUresult cuIpcGetMemHandle(IpcHandle* handle, CUdeviceptr p) try {
    Allocation a;
    if (handle == nullptr || !heap().find(pointer(p), &a) || a.freed || a.imported)
        return CUDA_ERROR_INVALID_VALUE;
    if (a.pooled)
        return CUDA_ERROR_INVALID_VALUE; // only what cuMemAlloc gave
    heap().mark_exported(a.base);
    std::memset(handle, 0, sizeof *handle);
    handle->magic = kIpcMagic;
    handle->process = getpid();
    handle->file = heap().file_of(a.device);
    handle->offset = heap().offset_of(a.base);
    handle->bytes = a.bytes;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuIpcOpenMemHandle_v2(CUdeviceptr* p, IpcHandle handle, unsigned flags) try {
    Context* context = nullptr;
    if (CUresult e = check_context(&context); e != CUDA_SUCCESS)
        return e;
    if (p == nullptr || handle.magic != kIpcMagic || flags != kLazyPeerAccess)
        return CUDA_ERROR_INVALID_VALUE;
    if (handle.process == getpid())
        return CUDA_ERROR_INVALID_CONTEXT; // not in the exporting process
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%d/fd/%d", handle.process, handle.file);
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0)
        return CUDA_ERROR_INVALID_VALUE;
    std::uint8_t* mapped = heap().import(context->device, file, handle.offset, handle.bytes);
    close(file);
    if (mapped == nullptr)
        return CUDA_ERROR_OUT_OF_MEMORY;
    *p = reinterpret_cast<CUdeviceptr>(mapped);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuIpcCloseMemHandle(CUdeviceptr p) try {
    Context* context = nullptr;
    if (CUresult e = check_context(&context); e != CUDA_SUCCESS)
        return e;
    Allocation a;
    if (!heap().find(pointer(p), &a) || !a.imported || a.base != pointer(p))
        return CUDA_ERROR_INVALID_VALUE;
    synchronize_context(*context);
    return heap().free(pointer(p)) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
CUDASIM_CATCH
