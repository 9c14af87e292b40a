// SPDX-License-Identifier: MIT
#include "memory/access.h"

#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <shared_mutex>

#include "core/launch.h"
#include "core/report.h"
#include "core/worker.h"
#include "memory/device_heap.h"
#include "memory/explain.h"

namespace cudasim {

namespace {

std::shared_mutex host_mutex;
std::map<const std::uint8_t*, std::size_t>& host_ranges() {
    static auto* ranges = new std::map<const std::uint8_t*, std::size_t>;
    return *ranges;
}

std::atomic<bool> peers[kMaxDevices][kMaxDevices];

// The allocations that this host thread used last.
struct AllocationCache {
    std::uint64_t generation = 0;
    Allocation entries[4];
    unsigned next = 0;
};
thread_local AllocationCache* allocation_cache = nullptr;

bool cached_find(const std::uint8_t* p, std::size_t bytes, Allocation* result) {
    if (allocation_cache == nullptr)
        allocation_cache = new AllocationCache; // one per host thread
    AllocationCache& cache = *allocation_cache;
    DeviceHeap& heap = DeviceHeap::instance();
    std::uint64_t generation = heap.generation();
    if (cache.generation != generation) {
        cache = AllocationCache{};
        cache.generation = generation;
    }
    for (const Allocation& a : cache.entries) {
        if (a.base != nullptr && p >= a.base && p + bytes <= a.base + a.bytes) {
            *result = a;
            return true;
        }
    }
    Allocation a;
    if (!heap.find(p, &a) || p + bytes > a.base + a.bytes)
        return false;
    cache.entries[cache.next++ % 4] = a;
    *result = a;
    return true;
}

void bad_access(Thread* t, const char* kind, const void* p, std::size_t bytes,
                const AccessFlags& flags, const void* caller, const char* why) {
    fail_text(
        t, caller, kind,
        format("%s (%s of %zu bytes) at ", flags.what, flags.write ? "write" : "read", bytes) +
            describe_address(t, p) + why);
}

Place check_other(Thread* t, const void* p, std::size_t bytes, const AccessFlags& flags,
                  const void* caller) {
    if (in_host_range(p, bytes))
        return Place::Unchecked;
    // Constants and kernel parameters live in loaded objects and on the host; reading constants is
    // right.
    Dl_info info;
    if (!flags.write && dladdr(p, &info) != 0)
        return Place::Unchecked;
    for (const auto& block : t->block->cluster->blocks) {
        for (const Thread& other : block->threads) {
            if (p >= other.stack.low && p < other.stack.high) {
                bad_access(t, "local memory of another thread", p, bytes, flags, caller,
                           (" which is on the stack of " + name_of(&other)).c_str());
            }
        }
    }
    bad_access(
        t, "invalid address", p, bytes, flags, caller,
        ": neither shared nor device memory nor page-locked host memory (a host pointer, or a null"
        " or uninitialised one)");
    return Place::Unchecked;
}

} // namespace

void add_host_range(const void* p, std::size_t bytes) {
    std::unique_lock<std::shared_mutex> lock(host_mutex);
    host_ranges()[static_cast<const std::uint8_t*>(p)] = bytes;
}

void remove_host_range(const void* p) {
    std::unique_lock<std::shared_mutex> lock(host_mutex);
    host_ranges().erase(static_cast<const std::uint8_t*>(p));
}

bool in_host_range(const void* p, std::size_t bytes) {
    std::shared_lock<std::shared_mutex> lock(host_mutex);
    const auto* at = static_cast<const std::uint8_t*>(p);
    auto it = host_ranges().upper_bound(at);
    if (it == host_ranges().begin())
        return false;
    --it;
    return at + bytes <= it->first + it->second;
}

void set_peer_access(int device, int peer, bool on) { peers[device][peer] = on; }
bool has_peer_access(int device, int peer) { return device == peer || peers[device][peer]; }

Place check_bounds(Thread* t, const void* p, std::size_t bytes, const AccessFlags& flags,
                   const void* caller) {
    const auto* at = static_cast<const std::uint8_t*>(p);
    if (at >= t->stack.low && at < t->stack.high)
        return Place::Own;
    Cluster& cluster = *t->block->cluster;
    auto offset = static_cast<std::uint64_t>(at - cluster.arena);
    if (offset < cluster.arena_bytes) {
        Block& owner = *cluster.blocks[offset / kSharedStride];
        std::uint64_t in_block = offset % kSharedStride;
        if (in_block < kSharedBase || in_block + bytes > kSharedBase + owner.shared_bytes) {
            bad_access(t, "shared memory out of bounds", p, bytes, flags, caller,
                       format(" of %u bytes", owner.shared_bytes).c_str());
        }
        if (owner.live == 0) {
            bad_access(t, "shared memory of an exited block", p, bytes, flags, caller,
                       ": the block has exited");
        }
        return Place::Shared;
    }
    DeviceHeap& heap = DeviceHeap::instance();
    if (heap.contains(p)) {
        Allocation a;
        if (!cached_find(at, bytes, &a)) {
            bad_access(t, "global memory out of bounds", p, bytes, flags, caller,
                       ": out of bounds");
        }
        if (a.freed)
            bad_access(t, "use after free", p, bytes, flags, caller, ": use after free");
        if (!has_peer_access(cluster.launch->config.device, a.device)) {
            bad_access(t, "no peer access", p, bytes, flags, caller,
                       ": peer access to that device is not enabled");
        }
        return a.imported ? Place::Unchecked : Place::Global;
    }
    return check_other(t, p, bytes, flags, caller);
}

Place check_access_as(Thread* t, Epoch epoch, const void* p, std::size_t bytes,
                      const AccessFlags& flags, const void* caller) {
    Place place = check_bounds(t, p, bytes, flags, caller);
    if (place == Place::Own || place == Place::Unchecked)
        return place;
    if (!t->block->checks)
        return place;
    Shadow& shadow =
        place == Place::Shared ? *t->block->cluster->shadow : DeviceHeap::instance().shadow();
    Access access;
    access.thread = t;
    access.caller = caller;
    access.epoch = epoch;
    access.strong = flags.strong;
    access.async = flags.async;
    access.tolerate_uninitialised = flags.tolerate_uninitialised || place == Place::Global;
    access.what = flags.what;
    if (flags.write) {
        shadow.write(access, p, bytes);
    } else {
        shadow.read(access, p, bytes);
    }
    return place;
}

Place check_access(Thread* t, const void* p, std::size_t bytes, const AccessFlags& flags,
                   const void* caller) {
    Place place = check_access_as(t, own_epoch(t, flags.strong), p, bytes, flags, caller);
    if (t->block->checks && (place == Place::Shared || place == Place::Global)) {
        t->recent[t->recent_next++ % kRecentAccesses] = {reinterpret_cast<std::uint64_t>(p),
                                                         static_cast<std::uint32_t>(bytes),
                                                         t->clock, caller};
    }
    return place;
}

std::uint8_t* shared_pointer(Thread* t, std::uint32_t address, std::size_t bytes, std::size_t align,
                             const char* what, const void* caller, Block** owner) {
    Cluster& cluster = *t->block->cluster;
    std::uint32_t rank = address >> kRankShift, offset = address & ((1u << kRankShift) - 1);
    if (rank >= cluster.blocks.size()) {
        fail(t, caller, "invalid address",
             "%s: shared address 0x%x names block rank %u of a cluster of %zu", what, address, rank,
             cluster.blocks.size());
    }
    Block& block = *cluster.blocks[rank];
    if (offset < kSharedBase || offset + bytes > kSharedBase + block.shared_bytes) {
        fail(t, caller, "shared memory out of bounds",
             "%s: %zu bytes at offset %ld of %u bytes of shared memory", what, bytes,
             static_cast<long>(offset) - static_cast<long>(kSharedBase), block.shared_bytes);
    }
    if (offset % align != 0) {
        fail(t, caller, "misaligned address", "%s: shared address 0x%x must be a multiple of %zu",
             what, address, align);
    }
    if (block.live == 0) {
        fail(t, caller, "shared memory of an exited block", "%s: block rank %u has exited", what,
             rank);
    }
    if (owner != nullptr)
        *owner = &block;
    return block.shared + offset;
}

} // namespace cudasim
