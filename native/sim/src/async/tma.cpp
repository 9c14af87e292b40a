// SPDX-License-Identifier: MIT
// Bulk copies through tensor maps: boxes of up to five dimensions, swizzled in shared memory.
#include <cstring>
#include <vector>

#include "async/bulk.h"
#include "async/tensor_map.h"
#include "core/report.h"
#include "core/window.h"
#include "core/worker.h"
#include "memory/access.h"
#include "memory/atomic_math.h"
#include "memory/device_heap.h"
#include "memory/strong.h"
#include "memory/write_trace.h"

namespace cudasim {
namespace {

struct Box {
    TensorMap map;
    int coordinates[5] = {0, 0, 0, 0, 0};
    std::uint32_t bytes = 0;
};

Box read_map(Thread* t, const void* map, int rank, const int* coordinates, const char* what,
             const void* caller) {
    Box box;
    AccessFlags flags;
    flags.what = "tensor map";
    check_bounds(t, map, sizeof box.map, flags, caller);
    if (DeviceHeap::instance().contains(map)) {
        // Written by the device, perhaps: then its writer is ordered before this by
        // fence.proxy.tensormap.
        flags.async = true;
        check_access_as(t, own_epoch(t, false), map, sizeof box.map, flags, caller);
    }
    std::memcpy(&box.map, map, sizeof box.map);
    if (box.map.magic != kTensorMapMagic) {
        fail(t, caller, "invalid tensor map", "%s: %p is no tensor map", what, map);
    }
    if (box.map.rank != rank) {
        fail(t, caller, "invalid tensor map", "%s: %d coordinates for a tensor of rank %d", what,
             rank, box.map.rank);
    }
    for (int d = 0; d < rank; ++d)
        box.coordinates[d] = coordinates[d];
    box.bytes = box_bytes(box.map);
    return box;
}

// The swizzle repeats every 128 bytes times its rows; a box must start where the pattern does.
std::uint32_t pattern_bytes(const TensorMap& map) {
    static const std::uint32_t pattern[] = {128, 256, 512, 1024};
    return pattern[map.swizzle];
}

// Address bits beyond the offset do not take part in swizzling.
template <typename Byte>
Byte* swizzled(Byte* base, std::uint32_t base_offset, std::uint32_t at, unsigned mode) {
    return base + (swizzle_address(base_offset + at, mode) - base_offset);
}

class TensorLoad final : public BarrierCopy {
  public:
    TensorLoad(Thread* t, Mbarrier& bar, std::uint8_t* to, std::uint32_t offset, const Box& box,
               const void* caller)
        : BarrierCopy(t, bar, box.bytes, caller), to_(to), offset_(offset), box_(box) {}

  protected:
    void copy() override {
        const unsigned mode = box_.map.swizzle;
        auto type = static_cast<TensorType>(box_.map.type);
        const unsigned element = tensor_element_bytes(type);
        for_each_row(box_.map, box_.coordinates, [&](const BoxRow& row) {
            alignas(16) std::uint8_t chunk[16];
            for (std::uint32_t b = 0; b < row.bytes; b += 16) {
                if (row.inside && b >= row.first && b + 16 <= row.first + row.count) {
                    std::memcpy(chunk, reinterpret_cast<const void*>(row.address + b - row.first),
                                16);
                } else {
                    fill(chunk, element);
                    for (std::uint32_t i = 0; i < 16; ++i) {
                        std::uint32_t at = b + i;
                        if (row.inside && at >= row.first && at < row.first + row.count) {
                            chunk[i] = *reinterpret_cast<const std::uint8_t*>(row.address + at -
                                                                              row.first);
                        }
                    }
                }
                std::memcpy(swizzled(to_, offset_, row.shared_offset + b, mode), chunk, 16);
            }
        });
    }

  private:
    void fill(std::uint8_t* chunk, unsigned element) const {
        std::memset(chunk, 0, 16);
        if (box_.map.fill == 0)
            return;
        // The NaN that the fill mode writes: all ones but the sign.
        for (unsigned i = 0; i < 16; ++i)
            chunk[i] = i % element == element - 1 ? 0x7f : 0xff;
    }

    std::uint8_t* to_;
    std::uint32_t offset_;
    Box box_;
};

// The elements as reductions see them; U8 is no type of theirs.
int reduce_type(const TensorMap& map) {
    switch (static_cast<TensorType>(map.type)) {
    case TensorType::U16:
        return DI_SIM_U16;
    case TensorType::U32:
        return DI_SIM_U32;
    case TensorType::S32:
        return DI_SIM_S32;
    case TensorType::U64:
        return DI_SIM_U64;
    case TensorType::S64:
        return DI_SIM_S64;
    case TensorType::F16:
        return DI_SIM_F16;
    case TensorType::BF16:
        return DI_SIM_BF16;
    case TensorType::F64:
        return DI_SIM_F64;
    case TensorType::U8:
        return DI_SIM_U8;
    default:
        return DI_SIM_F32;
    }
}

class TensorStore final : public AsyncOp {
  public:
    TensorStore(Thread* t, const std::uint8_t* from, std::uint32_t offset, const Box& box, int op)
        : from_(from), offset_(offset), box_(box), op_(op) {
        owner = t;
        kind = AgentKind::Bulk;
        group = t->bulk_group;
        reads_shared = true;
    }
    void capture() override {
        if (!reads_shared)
            return;
        data_.assign(from_, from_ + box_.bytes);
        reads_shared = false;
    }
    void run() override {
        capture();
        const unsigned element = tensor_element_bytes(static_cast<TensorType>(box_.map.type));
        for_each_row(box_.map, box_.coordinates, [&](const BoxRow& row) {
            for (std::uint32_t b = 0; b < row.count; b += element) {
                const std::uint8_t* at = swizzled(
                    data_.data(), offset_, row.shared_offset + row.first + b, box_.map.swizzle);
                if (op_ < 0) {
                    std::memcpy(reinterpret_cast<void*>(row.address + b), at, element);
                } else {
                    std::uint64_t value = 0;
                    std::memcpy(&value, at, element);
                    atomic_apply(op_, reduce_type(box_.map),
                                 reinterpret_cast<void*>(row.address + b), value, 0);
                }
            }
        });
    }

  private:
    const std::uint8_t* from_;
    std::uint32_t offset_;
    Box box_;
    int op_;
    std::vector<std::uint8_t> data_;
};

// Whose bytes go where, for the trace of writes.
void trace_store(const Thread* t, const std::uint8_t* from, std::uint32_t offset, const Box& box,
                 const char* what, const void* caller) {
    const unsigned element = tensor_element_bytes(static_cast<TensorType>(box.map.type));
    for_each_row(box.map, box.coordinates, [&](const BoxRow& row) {
        for (std::uint32_t b = 0; b < row.count; b += element) {
            WriteTrace::instance().copy(
                t, reinterpret_cast<const void*>(row.address + b),
                swizzled(from, offset, row.shared_offset + row.first + b, box.map.swizzle), element,
                what, caller);
        }
    });
}

void store(Thread* t, const void* map, std::uint32_t source, int rank, const int* coordinates,
           int op, const void* caller) {
    const char* what = op < 0 ? "cp.async.bulk.tensor store" : "cp.reduce.async.bulk.tensor";
    Box box = read_map(t, map, rank, coordinates, what, caller);
    if (op >= 0 && !reduces_in_global(op, reduce_type(box.map))) {
        fail(t, caller, "invalid argument", "%s has no operation %d on elements of type %d", what,
             op, static_cast<int>(box.map.type));
    }
    std::uint8_t* from =
        own_shared_pointer(t, source, box.bytes, pattern_bytes(box.map), what, caller);
    AccessFlags read;
    read.async = true;
    read.what = what;
    check_access_as(t, bulk_read_epoch(t), from, box.bytes, read, caller);
    AccessFlags write = read;
    write.write = true;
    write.strong = op >= 0;
    Epoch epoch = bulk_write_epoch(t) | (op >= 0 ? 1 : 0);
    for_each_row(box.map, box.coordinates, [&](const BoxRow& row) {
        if (row.count != 0) {
            check_access_as(t, epoch, reinterpret_cast<void*>(row.address), row.count, write,
                            caller);
        }
    });
    std::uint32_t offset = source & ((1u << kRankShift) - 1);
    if (t->block->trace)
        trace_store(t, from, offset, box, what, caller);
    worker_of(t).issue(cluster_of(t), std::make_unique<TensorStore>(t, from, offset, box, op));
    worker_of(t).maybe_yield(t);
}

} // namespace
} // namespace cudasim

using namespace cudasim;

#define EXPORT extern "C" __attribute__((visibility("default")))
#define CALLER __builtin_return_address(0)

EXPORT void di_sim_tensor_g2s(unsigned destination, const void* map, unsigned barrier, int rank,
                              const int* coordinates, unsigned short mask, int multicast) {
    Thread* t = current_thread();
    const char* what = "cp.async.bulk.tensor load";
    Box box = read_map(t, map, rank, coordinates, what, CALLER);
    unsigned ranks = multicast != 0 ? mask : 1u << (destination >> kRankShift & 15);
    if (ranks == 0)
        fail(t, CALLER, "invalid argument", "%s with an empty multicast mask", what);
    for (; ranks != 0; ranks &= ranks - 1) {
        auto to_rank = static_cast<unsigned>(__builtin_ctz(ranks));
        std::uint8_t* to = shared_pointer(t, at_rank(destination, to_rank), box.bytes,
                                          pattern_bytes(box.map), what, CALLER);
        if (multicast == 0)
            require_barrier_beside(t, destination, barrier, what, CALLER);
        Mbarrier& bar =
            copy_barrier(t, multicast != 0 ? at_rank(barrier, to_rank) : barrier, what, CALLER);
        auto op = std::make_unique<TensorLoad>(t, bar, to, destination & ((1u << kRankShift) - 1),
                                               box, CALLER);
        AccessFlags read;
        read.async = true;
        read.what = what;
        Epoch epoch = op->epoch();
        for_each_row(box.map, box.coordinates, [&](const BoxRow& row) {
            if (row.count != 0) {
                check_access_as(t, epoch, reinterpret_cast<void*>(row.address), row.count, read,
                                CALLER);
            }
        });
        AccessFlags write = read;
        write.write = true;
        check_access_as(t, epoch, to, box.bytes, write, CALLER);
        std::memset(to, 0xff, box.bytes);
        if (t->block->checks) {
            const auto element = tensor_element_bytes(static_cast<TensorType>(box.map.type));
            note_tile(*cluster_of(t).blocks[to_rank],
                      {destination & ((1u << kRankShift) - 1), box.bytes, box.map.box[0] * element,
                       box.map.swizzle, epoch, t, CALLER});
        }
        worker_of(t).issue(cluster_of(t), std::move(op));
    }
    worker_of(t).maybe_yield(t);
}

EXPORT void di_sim_tensor_s2g(const void* map, unsigned source, int rank, const int* coordinates) {
    store(current_thread(), map, source, rank, coordinates, -1, CALLER);
}

EXPORT void di_sim_tensor_reduce(const void* map, unsigned source, int rank, const int* coordinates,
                                 int op) {
    store(current_thread(), map, source, rank, coordinates, op, CALLER);
}

EXPORT void di_sim_tensor_prefetch(const void* map, int rank, const int* coordinates) {
    read_map(current_thread(), map, rank, coordinates, "cp.async.bulk.prefetch.tensor", CALLER);
}

EXPORT void di_sim_fence_tensormap(int order, int scope, const void* map) {
    Thread* t = current_thread();
    strong_fence(t, order, scope);
    if ((order & DI_SIM_ACQUIRE) == 0)
        return;
    AccessFlags read;
    read.what = "fence.proxy.tensormap";
    if (reinterpret_cast<std::uintptr_t>(map) % 128 != 0) {
        fail(t, CALLER, "misaligned address", "%s of %p, which must be a multiple of 128",
             read.what, map);
    }
    check_access(t, map, sizeof(TensorMap), read, CALLER);
    fence_proxy(t);
}

EXPORT void di_sim_tensormap_prefetch(const void* map) {
    Thread* t = current_thread();
    AccessFlags flags;
    flags.what = "prefetch.tensormap";
    check_bounds(t, map, sizeof(TensorMap), flags, CALLER);
}
