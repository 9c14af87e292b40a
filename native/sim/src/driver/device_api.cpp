// SPDX-License-Identifier: MIT
// Initialisation, devices, contexts.
#include <cstdio>
#include <cstring>

#include "driver/state.h"
#include "memory/access.h"
#include "memory/device_heap.h"

using namespace cudasim;
using namespace cudasim::driver;

namespace {

int device_count() { return DeviceHeap::instance().device_count(); }
bool bad_device(int device) { return device < 0 || device >= device_count(); }

CUresult check_device(int device) {
    if (!initialised.load(std::memory_order_acquire))
        return CUDA_ERROR_NOT_INITIALIZED;
    return bad_device(device) ? CUDA_ERROR_INVALID_DEVICE : CUDA_SUCCESS;
}

} // namespace

CUDASIM_API CUresult cuInit(unsigned flags) try {
    if (flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    try {
        DeviceHeap::instance();
    } catch (const std::bad_alloc&) {
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    initialised.store(true, std::memory_order_release);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuDriverGetVersion(int* version) try {
    if (version == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    *version = kDriverVersion;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuDeviceGetCount(int* count) try {
    if (!initialised.load())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (count == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    *count = device_count();
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuDeviceGet(CUdevice* device, int ordinal) try {
    if (CUresult e = check_device(ordinal); e != CUDA_SUCCESS)
        return e;
    *device = ordinal;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuDeviceGetName(char* name, int length, CUdevice device) try {
    if (CUresult e = check_device(device); e != CUDA_SUCCESS)
        return e;
    if (name == nullptr || length <= 0)
        return CUDA_ERROR_INVALID_VALUE;
    std::snprintf(name, static_cast<std::size_t>(length), "DeepInfra CUDA simulator (sm_%d%d)",
                  kComputeMajor, kComputeMinor);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuDeviceGetUuid_v2(char* uuid, CUdevice device) try {
    if (CUresult e = check_device(device); e != CUDA_SUCCESS)
        return e;
    std::memcpy(uuid, "deepinfra-sim-0", 15);
    uuid[15] = static_cast<char>(device);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuDeviceGetUuid(char* uuid, CUdevice device) try {
    return cuDeviceGetUuid_v2(uuid, device);
}
CUDASIM_CATCH

CUDASIM_API CUresult cuDeviceGetPCIBusId(char* text, int length, CUdevice device) try {
    if (CUresult e = check_device(device); e != CUDA_SUCCESS)
        return e;
    if (text == nullptr || length < 13)
        return CUDA_ERROR_INVALID_VALUE;
    std::snprintf(text, static_cast<std::size_t>(length), "0000:%02X:00.0", device + 1);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuDeviceTotalMem_v2(std::size_t* bytes, CUdevice device) try {
    if (CUresult e = check_device(device); e != CUDA_SUCCESS)
        return e;
    *bytes = DeviceHeap::instance().device_bytes();
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuDeviceGetAttribute(int* value, int attribute, CUdevice device) try {
    if (CUresult e = check_device(device); e != CUDA_SUCCESS)
        return e;
    if (value == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    struct Entry {
        int attribute, value;
    };
    static const Entry entries[] = {
        {1, 1024}, // threads per block
        {2, 1024},
        {3, 1024},
        {4, 64}, // block dimensions
        {5, 0x7fffffff},
        {6, 65535},
        {7, 65535},       // grid dimensions
        {8, 48 * 1024},   // shared memory per block
        {9, 64 * 1024},   // constant memory
        {10, 32},         // warp size
        {11, 0x7fffffff}, // pitch
        {12, 65536},      // registers per block
        {13, 1755000},    // clock, kHz
        {14, 512},        // texture alignment
        {15, 1},          // overlap
        {16, kMultiprocessors},
        {17, 0}, // kernel time-out
        {18, 0}, // integrated
        {19, 1}, // can map host memory
        {20, 0}, // compute mode
        {31, 1}, // concurrent kernels
        {32, 0}, // ECC
        {33, device + 1},
        {34, 0},
        {35, 0}, // PCI
        {36, 2619000},
        {37, 5120},
        {38, 50 << 20},
        {39, 2048},
        {40, 2}, // asynchronous engines
        {41, 1}, // unified addressing
        {75, kComputeMajor},
        {76, kComputeMinor},
        {78, 1}, // stream priorities
        {81, 228 * 1024},
        {82, 65536},
        {83, 0}, // managed memory
        {84, 0},
        {85, device},
        {86, 1}, // host native atomics
        {88, 0},
        {89, 0},
        {90, 1}, // compute preemption
        {91, 1}, // host pointer for registered memory
        {95, 1}, // cooperative launch
        {97, static_cast<int>(kMaxSharedOptIn)},
        {102, 0},    // virtual memory management
        {106, 32},   // blocks per multiprocessor
        {111, 1024}, // reserved shared memory
        {115, 1},    // memory pools
        {120, 1},    // cluster launch
        {124, 1},    // unified function pointers
        {127, 1},    // tensor maps
    };
    for (const Entry& e : entries) {
        if (e.attribute == attribute) {
            *value = e.value;
            return CUDA_SUCCESS;
        }
    }
    if (attribute < 1 || attribute > 140)
        return CUDA_ERROR_INVALID_VALUE;
    *value = 0;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuDeviceCanAccessPeer(int* can, CUdevice device, CUdevice peer) try {
    if (CUresult e = check_device(device); e != CUDA_SUCCESS)
        return e;
    if (CUresult e = check_device(peer); e != CUDA_SUCCESS)
        return e;
    *can = device != peer ? 1 : 0;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuDeviceGetP2PAttribute(int* value, int attribute, CUdevice device,
                                             CUdevice peer) try {
    if (CUresult e = check_device(device); e != CUDA_SUCCESS)
        return e;
    if (CUresult e = check_device(peer); e != CUDA_SUCCESS)
        return e;
    *value = attribute >= 1 && attribute <= 4 && device != peer ? 1 : 0;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuDevicePrimaryCtxRetain(void** context, CUdevice device) try {
    if (CUresult e = check_device(device); e != CUDA_SUCCESS)
        return e;
    Context& c = primary_context(device);
    ++c.references;
    *context = &c;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) try {
    if (CUresult e = check_device(device); e != CUDA_SUCCESS)
        return e;
    Context& c = primary_context(device);
    if (c.references.load() == 0)
        return CUDA_ERROR_INVALID_CONTEXT;
    if (--c.references == 0)
        synchronize_context(c);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) try {
    if (CUresult e = check_device(device); e != CUDA_SUCCESS)
        return e;
    Context& c = primary_context(device);
    synchronize_context(c);
    repair_context(c);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned) try {
    return check_device(device);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned* flags, int* active) try {
    if (CUresult e = check_device(device); e != CUDA_SUCCESS)
        return e;
    *flags = 0;
    *active = primary_context(device).references.load() > 0;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuCtxCreate_v2(void** context, unsigned, CUdevice device) try {
    if (CUresult e = check_device(device); e != CUDA_SUCCESS)
        return e;
    auto* c = new Context;
    c->device = device;
    context_stack().push_back(c);
    *context = c;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuCtxDestroy_v2(void* context) try {
    auto* c = static_cast<Context*>(context);
    if (c == nullptr || c->primary)
        return CUDA_ERROR_INVALID_CONTEXT;
    synchronize_context(*c);
    if (!context_stack().empty() && context_stack().back() == c)
        context_stack().pop_back();
    std::vector<Stream*> rest;
    {
        std::lock_guard<std::mutex> lock(c->mutex);
        rest = c->streams;
    }
    for (Stream* s : rest)
        delete s;
    delete c;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuCtxGetCurrent(void** context) try {
    if (!initialised.load())
        return CUDA_ERROR_NOT_INITIALIZED;
    *context = current_context();
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuCtxSetCurrent(void* context) try {
    if (!initialised.load())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!context_stack().empty())
        context_stack().pop_back();
    if (context != nullptr)
        context_stack().push_back(static_cast<Context*>(context));
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuCtxPushCurrent_v2(void* context) try {
    if (context == nullptr)
        return CUDA_ERROR_INVALID_CONTEXT;
    context_stack().push_back(static_cast<Context*>(context));
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuCtxPopCurrent_v2(void** context) try {
    if (context_stack().empty())
        return CUDA_ERROR_INVALID_CONTEXT;
    if (context != nullptr)
        *context = context_stack().back();
    context_stack().pop_back();
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuCtxGetDevice(CUdevice* device) try {
    Context* c = current_context();
    if (c == nullptr)
        return CUDA_ERROR_INVALID_CONTEXT;
    *device = c->device;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuCtxGetFlags(unsigned* flags) try {
    *flags = 0;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuCtxGetApiVersion(void*, unsigned* version) try {
    *version = 3020;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuCtxSynchronize() try {
    Context* context = nullptr;
    if (CUresult e = check_context(&context); e != CUDA_SUCCESS)
        return e;
    synchronize_context(*context);
    return context->error.load();
}
CUDASIM_CATCH
CUDASIM_API CUresult cuCtxGetStreamPriorityRange(int* least, int* greatest) try {
    if (least != nullptr)
        *least = 0;
    if (greatest != nullptr)
        *greatest = -5;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuCtxSetLimit(int, std::size_t) try { return CUDA_SUCCESS; }
CUDASIM_CATCH
CUDASIM_API CUresult cuCtxGetLimit(std::size_t* value, int) try {
    *value = 0;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuCtxEnablePeerAccess(void* peer, unsigned flags) try {
    Context* context = nullptr;
    if (CUresult e = check_context(&context); e != CUDA_SUCCESS)
        return e;
    auto* other = static_cast<Context*>(peer);
    if (other == nullptr || flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (other->device == context->device)
        return CUDA_ERROR_INVALID_DEVICE;
    if (has_peer_access(context->device, other->device))
        return CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
    set_peer_access(context->device, other->device, true);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuCtxDisablePeerAccess(void* peer) try {
    Context* context = nullptr;
    if (CUresult e = check_context(&context); e != CUDA_SUCCESS)
        return e;
    auto* other = static_cast<Context*>(peer);
    if (other == nullptr)
        return CUDA_ERROR_INVALID_CONTEXT;
    if (!has_peer_access(context->device, other->device))
        return CUDA_ERROR_PEER_ACCESS_NOT_ENABLED;
    set_peer_access(context->device, other->device, false);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
