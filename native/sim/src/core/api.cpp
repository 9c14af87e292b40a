// SPDX-License-Identifier: MIT
// Entry points of device code that need no file of their own.
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "core/barriers.h"
#include "core/cluster_setup.h"
#include "core/report.h"
#include "core/warp.h"
#include "core/window.h"
#include "core/worker.h"
#include "memory/access.h"
#include "memory/atomic_math.h"
#include "memory/device_heap.h"
#include "memory/strong.h"

using namespace cudasim;

#define EXPORT extern "C" __attribute__((visibility("default")))
#define CALLER __builtin_return_address(0)

EXPORT di_sim_uint3 di_sim_thread_idx() { return current_thread()->idx; }
EXPORT di_sim_uint3 di_sim_block_idx() { return current_thread()->block->idx; }
EXPORT di_sim_uint3 di_sim_block_dim() { return cluster_of(current_thread()).launch->config.block; }
EXPORT di_sim_uint3 di_sim_grid_dim() { return cluster_of(current_thread()).launch->config.grid; }

EXPORT unsigned di_sim_special(int which) {
    const Thread* t = current_thread();
    const di_sim_uint3& c = cluster_of(t).launch->config.cluster;
    unsigned rank = t->block->rank;
    switch (which) {
    case DI_SIM_CLUSTER_CTAID_X:
        return rank % c.x;
    case DI_SIM_CLUSTER_CTAID_Y:
        return rank / c.x % c.y;
    case DI_SIM_CLUSTER_CTAID_Z:
        return rank / c.x / c.y;
    case DI_SIM_CLUSTER_CTARANK:
        return rank;
    case DI_SIM_CLUSTER_NCTAID_X:
        return c.x;
    case DI_SIM_CLUSTER_NCTAID_Y:
        return c.y;
    case DI_SIM_CLUSTER_NCTAID_Z:
        return c.z;
    case DI_SIM_CLUSTER_NCTARANK:
        return c.x * c.y * c.z;
    case DI_SIM_LANEID:
        return t->lane;
    case DI_SIM_SMID:
        return cluster_of(t).index % 132;
    default:
        return t->block->shared_bytes;
    }
}

// Time moves on with every look at it, so that a loop with a time limit ends.
namespace {
thread_local std::uint64_t clock_value = 0;
}
EXPORT di_sim_u64 di_sim_clock64() { return clock_value += 16; }
EXPORT di_sim_u64 di_sim_globaltimer() { return clock_value += 16; }
EXPORT void di_sim_nanosleep(unsigned) {
    Thread* t = current_thread();
    worker_of(t).yield(t, false);
}

EXPORT void* di_sim_dynamic_shared(di_sim_u64 size, di_sim_u64 align) {
    Thread* t = current_thread();
    if (size > t->block->shared_bytes) {
        fail(t, CALLER, "shared memory out of bounds",
             "the kernel uses %llu bytes of dynamic shared memory, the launch gave %u", size,
             t->block->shared_bytes);
    }
    if (align > 1024)
        fail(t, CALLER, "misaligned address", "shared memory aligned to %llu bytes, at most 1,024",
             align);
    return t->block->shared + kSharedBase;
}

EXPORT unsigned di_sim_to_shared(const void* generic) {
    Thread* t = current_thread();
    const Cluster& cluster = cluster_of(t);
    auto offset =
        static_cast<std::uint64_t>(static_cast<const std::uint8_t*>(generic) - cluster.arena);
    if (offset >= cluster.arena_bytes) {
        fail(t, CALLER, "invalid address", "cvta.to.shared of %p, which is not shared memory",
             generic);
    }
    unsigned address = static_cast<unsigned>(offset / kSharedStride) << kRankShift |
                       static_cast<unsigned>(offset % kSharedStride);
    require_own_block(t, address, "cvta.to.shared", CALLER);
    return address;
}

EXPORT void* di_sim_from_shared(unsigned address) {
    return own_shared_pointer(current_thread(), address, 0, 1, "cvta.shared", CALLER);
}

EXPORT unsigned di_sim_mapa(unsigned address, unsigned rank) {
    Thread* t = current_thread();
    if (rank >= cluster_of(t).blocks.size()) {
        fail(t, CALLER, "invalid address", "mapa to rank %u of a cluster of %zu blocks", rank,
             cluster_of(t).blocks.size());
    }
    return (address & ((1u << kRankShift) - 1)) | rank << kRankShift;
}

EXPORT int di_sim_is_shared(const void* generic) {
    const Cluster& cluster = cluster_of(current_thread());
    return static_cast<std::uint64_t>(static_cast<const std::uint8_t*>(generic) - cluster.arena) <
           cluster.arena_bytes;
}
EXPORT int di_sim_is_global(const void* generic) {
    return DeviceHeap::instance().contains(generic);
}

EXPORT void di_sim_bar_sync(unsigned id, unsigned count) {
    named_barrier(current_thread(), id, count, true, -1, 0, CALLER);
}
EXPORT void di_sim_bar_arrive(unsigned id, unsigned count) {
    Thread* t = current_thread();
    if (count == 0)
        fail(t, CALLER, "invalid barrier", "bar.arrive without a thread count");
    named_barrier(t, id, count, false, -1, 0, CALLER);
}
EXPORT int di_sim_bar_red(unsigned id, unsigned count, int op, int predicate) {
    return named_barrier(current_thread(), id, count, true, op, predicate, CALLER);
}

EXPORT void di_sim_cluster_arrive(int order, int aligned) {
    Thread* t = current_thread();
    if (aligned != 0)
        converge(t, kClusterArrive + (order & DI_SIM_RELEASE ? 1 : 0), "barrier.cluster.arrive",
                 CALLER);
    cluster_arrive(t, (order & DI_SIM_RELEASE) != 0, CALLER);
}
EXPORT void di_sim_cluster_wait(int aligned) {
    Thread* t = current_thread();
    if (aligned != 0)
        converge(t, kClusterWait, "barrier.cluster.wait", CALLER);
    cluster_wait(t, CALLER);
}

EXPORT di_sim_u64 di_sim_atomic(int op, int type, int order, int scope, void* address,
                                di_sim_u64 value, di_sim_u64 compare) {
    return strong_atomic(current_thread(), {op, type, order, scope, true, order & DI_SIM_ACQUIRE},
                         address, value, compare, CALLER);
}
EXPORT void di_sim_red(int op, int type, int order, int scope, void* address, di_sim_u64 value) {
    strong_atomic(current_thread(), {op, type, order, scope, false}, address, value, 0, CALLER);
}
EXPORT void di_sim_red_shared_cluster(int op, int type, unsigned address, di_sim_u64 value) {
    Thread* t = current_thread();
    std::size_t bytes = atomic_bytes(type);
    void* p = shared_pointer(t, address, bytes, bytes, "red.shared::cluster", CALLER);
    strong_atomic(t, {op, type, DI_SIM_RELAXED, DI_SIM_CLUSTER, false}, p, value, 0, CALLER);
}
EXPORT void di_sim_load(void* destination, const void* address, int bytes, int order, int scope) {
    Thread* t = current_thread();
    if (order >= 0) {
        strong_load(t, destination, address, static_cast<std::size_t>(bytes), order, scope, CALLER);
        return;
    }
    AccessFlags flags;
    flags.what = "load";
    if (reinterpret_cast<std::uintptr_t>(address) % static_cast<unsigned>(bytes) != 0) {
        fail(t, CALLER, "misaligned address", "load of %d bytes at address %p", bytes, address);
    }
    check_access(t, address, static_cast<std::size_t>(bytes), flags, CALLER);
    std::memcpy(destination, address, static_cast<std::size_t>(bytes));
}
EXPORT void di_sim_store(void* address, const void* source, int bytes, int order, int scope) {
    Thread* t = current_thread();
    if (order >= 0) {
        strong_store(t, address, source, static_cast<std::size_t>(bytes), order, scope, CALLER);
        return;
    }
    AccessFlags flags;
    flags.what = "store";
    flags.write = true;
    if (reinterpret_cast<std::uintptr_t>(address) % static_cast<unsigned>(bytes) != 0) {
        fail(t, CALLER, "misaligned address", "store of %d bytes at address %p", bytes, address);
    }
    check_access(t, address, static_cast<std::size_t>(bytes), flags, CALLER);
    std::memcpy(address, source, static_cast<std::size_t>(bytes));
}
EXPORT void di_sim_load_shared(void* destination, unsigned address, int bytes) {
    Thread* t = current_thread();
    auto n = static_cast<std::size_t>(bytes);
    const std::uint8_t* p = shared_pointer(t, address, n, n, "ld.shared", CALLER);
    AccessFlags flags;
    flags.what = "ld.shared";
    check_access(t, p, n, flags, CALLER);
    std::memcpy(destination, p, n);
}
EXPORT void di_sim_store_shared(unsigned address, const void* source, int bytes) {
    Thread* t = current_thread();
    auto n = static_cast<std::size_t>(bytes);
    std::uint8_t* p = shared_pointer(t, address, n, n, "st.shared", CALLER);
    AccessFlags flags;
    flags.what = "st.shared";
    flags.write = true;
    check_access(t, p, n, flags, CALLER);
    std::memcpy(p, source, n);
}
EXPORT void di_sim_fence(int order, int scope) { strong_fence(current_thread(), order, scope); }
EXPORT void di_sim_setmaxnreg(int increase, unsigned registers) {
    Thread* t = current_thread();
    if (registers % 8 != 0 || registers < 24 || registers > 256) {
        fail(t, CALLER, "invalid argument",
             "setmaxnreg %u: expected a multiple of 8 from 24 to 256", registers);
    }
    converge(t, kSetMaxRegisters + (increase != 0), "setmaxnreg", CALLER);
    t->registers = registers;
    // The sum over the block has to fit once every warp has said its number.
    unsigned long sum = 0;
    for (const Thread& other : t->block->threads) {
        if (other.registers == 0)
            return;
        sum += other.registers;
    }
    if (sum > 65536) {
        fail(t, CALLER, "register budget",
             "setmaxnreg: the block's threads want %lu registers, an SM has 65,536", sum);
    }
}

EXPORT void di_sim_griddepcontrol_wait() {
    Thread* t = current_thread();
    Cluster& cluster = cluster_of(t);
    ViewBuilder builder(cluster.space);
    builder.add(t->view.get());
    builder.add_clock(cluster.dependency_slot, 1, 1);
    t->view = builder.freeze();
    worker_of(t).maybe_yield(t);
}
EXPORT void di_sim_griddepcontrol_launch_dependents() {
    Thread* t = current_thread();
    worker_of(t).maybe_yield(t);
}

EXPORT void di_sim_trap(const char* what) { fail(current_thread(), CALLER, "trap", "%s", what); }
EXPORT void di_sim_assert_fail(const char* expression, const char* file, int line) {
    fail(current_thread(), CALLER, "device assertion", "%s:%d: %s", file, line, expression);
}
EXPORT int di_sim_printf(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int n = std::vprintf(format, arguments);
    va_end(arguments);
    return n;
}
