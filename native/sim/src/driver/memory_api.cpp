// SPDX-License-Identifier: MIT
// Device memory, copies, fills.

#include <cstring>
#include <utility>

#include "driver/state.h"
#include "memory/access.h"
#include "memory/device_heap.h"

using namespace cudasim;
using namespace cudasim::driver;

namespace {

DeviceHeap& heap() { return DeviceHeap::instance(); }
std::uint8_t* pointer(CUdeviceptr p) { return reinterpret_cast<std::uint8_t*>(p); }

// The range is inside one live allocation, or page-locked host memory.
bool is_device_range(CUdeviceptr p, std::size_t bytes) {
    Allocation a;
    if (heap().find(pointer(p), &a))
        return !a.freed && pointer(p) + bytes <= a.base + a.bytes;
    return in_host_range(pointer(p), bytes);
}

CUresult allocate(CUdeviceptr* result, std::size_t bytes, int device = -1) {
    Context* context = nullptr;
    if (CUresult e = check_context(&context); e != CUDA_SUCCESS)
        return e;
    if (result == nullptr || bytes == 0)
        return CUDA_ERROR_INVALID_VALUE;
    std::uint8_t* p = heap().allocate(device < 0 ? context->device : device, bytes, device >= 0);
    if (p == nullptr)
        return CUDA_ERROR_OUT_OF_MEMORY;
    *result = reinterpret_cast<CUdeviceptr>(p);
    return CUDA_SUCCESS;
}

// A rectangle of bytes; 1-D copies are one row.
struct Rows {
    std::uint8_t* to;
    const std::uint8_t* from;
    std::size_t width, height, to_pitch, from_pitch;
    void copy(const HostAgent& agent) const {
        bool checks = checks_enabled();
        host_access(agent, {from, width, height, from_pitch}, false, checks);
        host_access(agent, {to, width, height, to_pitch}, true, checks);
        for (std::size_t y = 0; y < height; ++y)
            std::memmove(to + y * to_pitch, from + y * from_pitch, width);
    }
    std::size_t from_bytes() const { return height == 0 ? 0 : (height - 1) * from_pitch + width; }
};

// The host program itself accesses memory now.
CUresult host_touches(Context& context, const char* name, const void* p, std::size_t bytes,
                      bool write) {
    try {
        host_access(host_agent(name, context.device),
                    {static_cast<const std::uint8_t*>(p), bytes, 1, bytes}, write,
                    checks_enabled());
    } catch (const HostFault& fault) {
        fail_context(context, fault.report);
        return context.error.load();
    }
    return CUDA_SUCCESS;
}

// from_host/to_host: the side is host memory. Pageable sources are read at once, as a driver stages
// them; page-locked ones when the copy's turn comes.
CUresult enqueue_copy(Rows rows, bool from_host, bool to_host, void* stream, bool wait) {
    if (rows.width == 0 || rows.height == 0)
        return CUDA_SUCCESS;
    auto staged = std::make_shared<std::vector<std::uint8_t>>();
    if (from_host && !in_host_range(rows.from, rows.from_bytes())) {
        staged->assign(rows.from, rows.from + rows.from_bytes());
        rows.from = staged->data();
    }
    bool pageable_target = to_host && !in_host_range(rows.to, 1);
    CUresult result = submit(stream, NodeKind::Memcpy, [rows, staged](Stream& s) -> Task {
        return guarded(s, [rows, staged, agent = make_agent(s, "copy")] { rows.copy(agent); });
    });
    if (result != CUDA_SUCCESS || !(wait || pageable_target))
        return result;
    CUresult error;
    Stream* s = resolve_stream(stream, &error);
    if (s == nullptr)
        return error;
    if (s->capturing())
        return CUDA_SUCCESS;
    s->synchronize();
    return s->context().error.load();
}

CUresult copy_1d(void* to, const void* from, std::size_t bytes, bool from_host, bool to_host,
                 void* stream, bool wait) {
    Context* context = nullptr;
    if (CUresult e = check_context(&context); e != CUDA_SUCCESS)
        return e;
    if (bytes == 0)
        return CUDA_SUCCESS;
    if (to == nullptr || from == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    if (!from_host && !is_device_range(reinterpret_cast<CUdeviceptr>(from), bytes))
        return CUDA_ERROR_INVALID_VALUE;
    if (!to_host && !is_device_range(reinterpret_cast<CUdeviceptr>(to), bytes))
        return CUDA_ERROR_INVALID_VALUE;
    return enqueue_copy({static_cast<std::uint8_t*>(to), static_cast<const std::uint8_t*>(from),
                         bytes, 1, bytes, bytes},
                        from_host, to_host, stream, wait);
}

template <typename T>
CUresult fill(CUdeviceptr p, T value, std::size_t count, void* stream, bool wait) {
    Context* context = nullptr;
    if (CUresult e = check_context(&context); e != CUDA_SUCCESS)
        return e;
    if (count == 0)
        return CUDA_SUCCESS;
    if (!is_device_range(p, count * sizeof(T)) || p % sizeof(T) != 0)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = submit(stream, NodeKind::Memset, [p, value, count](Stream& s) -> Task {
        return guarded(s, [p, value, count, agent = make_agent(s, "fill")] {
            std::size_t bytes = count * sizeof(T);
            host_access(agent, {pointer(p), bytes, 1, bytes}, true, checks_enabled());
            auto* at = reinterpret_cast<T*>(p);
            for (std::size_t i = 0; i < count; ++i)
                at[i] = value;
        });
    });
    if (result != CUDA_SUCCESS || !wait)
        return result;
    CUresult error;
    Stream* s = resolve_stream(stream, &error);
    if (s == nullptr)
        return error;
    s->synchronize();
    return s->context().error.load();
}

void* const kNull = nullptr;

} // namespace

CUDASIM_API CUresult cuMemGetInfo_v2(std::size_t* free_bytes, std::size_t* total) try {
    Context* context = nullptr;
    if (CUresult e = check_context(&context); e != CUDA_SUCCESS)
        return e;
    if (free_bytes == nullptr || total == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    *total = heap().device_bytes();
    *free_bytes = *total - heap().used_bytes(context->device);
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuMemAlloc_v2(CUdeviceptr* p, std::size_t bytes) try {
    return allocate(p, bytes);
}
CUDASIM_CATCH

CUDASIM_API CUresult cuMemAllocPitch_v2(CUdeviceptr* p, std::size_t* pitch, std::size_t width,
                                        std::size_t height, unsigned) try {
    if (pitch == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    *pitch = (width + 511) / 512 * 512;
    return allocate(p, *pitch * height);
}
CUDASIM_CATCH

CUDASIM_API CUresult cuMemFree_v2(CUdeviceptr p) try {
    Context* context = nullptr;
    CUresult error = check_context(&context);
    if (context == nullptr)
        return error;
    if (p == 0)
        return CUDA_SUCCESS;
    synchronize_context(*context);
    Allocation a;
    if (!heap().find(pointer(p), &a) || a.base != pointer(p) || a.freed || a.imported)
        return CUDA_ERROR_INVALID_VALUE;
    // Other devices may still use it; a broken context only gives it back.
    CUresult used = error != CUDA_SUCCESS
                        ? CUDA_SUCCESS
                        : host_touches(*context, "release of memory", a.base, a.bytes, true);
    heap().free(a.base);
    return used;
}
CUDASIM_CATCH

namespace {
// The memory is there at once, but it belongs to work that comes after this point of the stream.
CUresult allocate_in_stream(CUdeviceptr* p, std::size_t bytes, int device, void* stream) {
    if (CUresult e = allocate(p, bytes, device); e != CUDA_SUCCESS)
        return e;
    HostRange range{pointer(*p), bytes, 1, bytes};
    CUresult error = CUDA_SUCCESS;
    try {
        error = submit(stream, NodeKind::Alloc, [range](Stream& s) -> Task {
            host_access(make_agent(s, "allocation"), range, true, checks_enabled());
            return [] {};
        });
    } catch (...) {
        heap().free(pointer(*p));
        throw;
    }
    if (error != CUDA_SUCCESS)
        heap().free(pointer(*p));
    return error;
}
} // namespace

CUDASIM_API CUresult cuMemAllocAsync(CUdeviceptr* p, std::size_t bytes, void* stream) try {
    CUresult error;
    Stream* s = resolve_stream(stream, &error);
    if (s == nullptr)
        return error;
    if (s->capturing())
        return CUDA_ERROR_NOT_SUPPORTED; // memory nodes are not modelled
    return allocate_in_stream(p, bytes, s->context().device, stream);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemAllocFromPoolAsync(CUdeviceptr* p, std::size_t bytes, void* pool,
                                             void* stream) try {
    if (pool == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult error;
    Stream* s = resolve_stream(stream, &error);
    if (s == nullptr)
        return error;
    if (s->capturing())
        return CUDA_ERROR_NOT_SUPPORTED;
    return allocate_in_stream(p, bytes, static_cast<Context*>(pool)->device, stream);
}
CUDASIM_CATCH

CUDASIM_API CUresult cuMemFreeAsync(CUdeviceptr p, void* stream) try {
    Context* context = nullptr;
    CUresult error = check_context(&context);
    if (context == nullptr)
        return error;
    if (p == 0)
        return CUDA_SUCCESS;
    Allocation a;
    if (!heap().find(pointer(p), &a) || a.base != pointer(p) || a.freed)
        return CUDA_ERROR_INVALID_VALUE;
    if (error != CUDA_SUCCESS) {
        heap().free(pointer(p)); // a broken context still gives its memory back
        return error;
    }
    Stream* s = resolve_stream(stream, &error);
    if (s == nullptr)
        return error;
    if (s->capturing())
        return CUDA_ERROR_NOT_SUPPORTED;
    return submit(stream, NodeKind::Free, [a](Stream& s) -> Task {
        HostRange range{a.base, a.bytes, 1, a.bytes};
        Task check = guarded(s, [range, agent = make_agent(s, "release of memory")] {
            host_access(agent, range, true, checks_enabled());
        });
        return [a, check] {
            // Nobody may still use it; the memory goes back all the same.
            try {
                check();
            } catch (...) {
                heap().free(a.base);
                throw;
            }
            heap().free(a.base);
        };
    });
}
CUDASIM_CATCH

CUDASIM_API CUresult cuMemGetAddressRange_v2(CUdeviceptr* base, std::size_t* bytes,
                                             CUdeviceptr p) try {
    Allocation a;
    if (!heap().find(pointer(p), &a) || a.freed)
        return CUDA_ERROR_INVALID_VALUE;
    if (base != nullptr)
        *base = reinterpret_cast<CUdeviceptr>(a.base);
    if (bytes != nullptr)
        *bytes = a.bytes;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH

CUDASIM_API CUresult cuPointerGetAttribute(void* data, int attribute, CUdeviceptr p) try {
    if (data == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    Allocation a;
    bool device = heap().find(pointer(p), &a) && !a.freed;
    if (!device && !in_host_range(pointer(p), 1))
        return CUDA_ERROR_INVALID_VALUE;
    switch (attribute) {
    case 1: { // context
        void* context = device ? &primary_context(a.device) : current_context();
        std::memcpy(data, &context, sizeof context);
        return CUDA_SUCCESS;
    }
    case 2: { // memory type
        int type = device ? kMemoryDevice : kMemoryHost;
        std::memcpy(data, &type, sizeof type);
        return CUDA_SUCCESS;
    }
    case 3: // device pointer
    case 4: // host pointer
        std::memcpy(data, &p, sizeof p);
        return CUDA_SUCCESS;
    case 9: { // device ordinal
        int ordinal = device ? a.device : 0;
        std::memcpy(data, &ordinal, sizeof ordinal);
        return CUDA_SUCCESS;
    }
    default:
        return CUDA_ERROR_NOT_SUPPORTED;
    }
}
CUDASIM_CATCH

// --- copies ---
CUDASIM_API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, std::size_t bytes,
                                          void* stream) try {
    return copy_1d(pointer(to), from, bytes, true, false, stream, false);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, std::size_t bytes,
                                          void* stream) try {
    return copy_1d(to, pointer(from), bytes, false, true, stream, false);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, std::size_t bytes,
                                          void* stream) try {
    return copy_1d(pointer(to), pointer(from), bytes, false, false, stream, false);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, std::size_t bytes) try {
    return copy_1d(pointer(to), from, bytes, true, false, kNull, true);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemcpyDtoH_v2(void* to, CUdeviceptr from, std::size_t bytes) try {
    return copy_1d(to, pointer(from), bytes, false, true, kNull, true);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, std::size_t bytes) try {
    return copy_1d(pointer(to), pointer(from), bytes, false, false, kNull, true);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, std::size_t bytes,
                                   void* stream) try {
    return copy_1d(pointer(to), pointer(from), bytes, !heap().contains(pointer(from)),
                   !heap().contains(pointer(to)), stream, false);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, std::size_t bytes) try {
    return copy_1d(pointer(to), pointer(from), bytes, !heap().contains(pointer(from)),
                   !heap().contains(pointer(to)), kNull, true);
}
CUDASIM_CATCH

namespace {
// Copies between devices need no peer access; each address belongs to its context's device.
CUresult copy_peer(CUdeviceptr to, void* to_context, CUdeviceptr from, void* from_context,
                   std::size_t bytes, void* stream, bool wait) {
    if (to_context == nullptr || from_context == nullptr)
        return CUDA_ERROR_INVALID_CONTEXT;
    for (auto [p, context] : {std::pair{to, to_context}, std::pair{from, from_context}}) {
        Allocation a;
        if (heap().find(pointer(p), &a) && a.device != static_cast<Context*>(context)->device)
            return CUDA_ERROR_INVALID_VALUE;
    }
    return copy_1d(pointer(to), pointer(from), bytes, false, false, stream, wait);
}
} // namespace
CUDASIM_API CUresult cuMemcpyPeerAsync(CUdeviceptr to, void* to_context, CUdeviceptr from,
                                       void* from_context, std::size_t bytes, void* stream) try {
    return copy_peer(to, to_context, from, from_context, bytes, stream, false);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemcpyPeer(CUdeviceptr to, void* to_context, CUdeviceptr from,
                                  void* from_context, std::size_t bytes) try {
    return copy_peer(to, to_context, from, from_context, bytes, kNull, true);
}
CUDASIM_CATCH

namespace {
CUresult copy_2d(const CUmemcpy2D* c, void* stream, bool wait) {
    Context* context = nullptr;
    if (CUresult e = check_context(&context); e != CUDA_SUCCESS)
        return e;
    if (c == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    if (c->src_type == 3 || c->dst_type == 3)
        return CUDA_ERROR_NOT_SUPPORTED; // arrays
    if (c->width == 0 || c->height == 0)
        return CUDA_SUCCESS;
    bool from_host = c->src_type == kMemoryHost, to_host = c->dst_type == kMemoryHost;
    std::size_t from_pitch = c->src_pitch != 0 ? c->src_pitch : c->width + c->src_x;
    std::size_t to_pitch = c->dst_pitch != 0 ? c->dst_pitch : c->width + c->dst_x;
    if (c->src_x + c->width > from_pitch || c->dst_x + c->width > to_pitch)
        return CUDA_ERROR_INVALID_VALUE;
    const auto* from =
        from_host ? static_cast<const std::uint8_t*>(c->src_host) : pointer(c->src_device);
    auto* to = to_host ? static_cast<std::uint8_t*>(c->dst_host) : pointer(c->dst_device);
    if (from == nullptr || to == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    Rows rows{to + c->dst_y * to_pitch + c->dst_x,
              from + c->src_y * from_pitch + c->src_x,
              c->width,
              c->height,
              to_pitch,
              from_pitch};
    std::size_t to_bytes = (rows.height - 1) * to_pitch + rows.width;
    if (!from_host &&
        !is_device_range(reinterpret_cast<CUdeviceptr>(rows.from), rows.from_bytes())) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (!to_host && !is_device_range(reinterpret_cast<CUdeviceptr>(rows.to), to_bytes))
        return CUDA_ERROR_INVALID_VALUE;
    return enqueue_copy(rows, from_host, to_host, stream, wait);
}
} // namespace
CUDASIM_API CUresult cuMemcpy2DAsync_v2(const CUmemcpy2D* copy, void* stream) try {
    return copy_2d(copy, stream, false);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemcpy2D_v2(const CUmemcpy2D* copy) try {
    return copy_2d(copy, kNull, true);
}
CUDASIM_CATCH

// --- fills ---
CUDASIM_API CUresult cuMemsetD8Async(CUdeviceptr p, unsigned char v, std::size_t n,
                                     void* stream) try {
    return fill<std::uint8_t>(p, v, n, stream, false);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemsetD16Async(CUdeviceptr p, unsigned short v, std::size_t n,
                                      void* stream) try {
    return fill<std::uint16_t>(p, v, n, stream, false);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemsetD32Async(CUdeviceptr p, unsigned v, std::size_t n, void* stream) try {
    return fill<std::uint32_t>(p, v, n, stream, false);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemsetD8_v2(CUdeviceptr p, unsigned char v, std::size_t n) try {
    return fill<std::uint8_t>(p, v, n, kNull, true);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemsetD16_v2(CUdeviceptr p, unsigned short v, std::size_t n) try {
    return fill<std::uint16_t>(p, v, n, kNull, true);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuMemsetD32_v2(CUdeviceptr p, unsigned v, std::size_t n) try {
    return fill<std::uint32_t>(p, v, n, kNull, true);
}
CUDASIM_CATCH

// For host programs that want their own accesses to page-locked memory checked: they read or write
// the bytes now. Returns an error code and leaves a report when work that the host has not waited
// for uses them too.
CUDASIM_API CUresult di_cudasim_host_access(const void* p, std::size_t bytes, int write) try {
    Context* context = nullptr;
    if (CUresult e = check_context(&context); e != CUDA_SUCCESS)
        return e;
    if (p == nullptr || bytes == 0)
        return CUDA_ERROR_INVALID_VALUE;
    return host_touches(*context, write != 0 ? "write" : "read", p, bytes, write != 0);
}
CUDASIM_CATCH
