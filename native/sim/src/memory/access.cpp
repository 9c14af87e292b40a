// SPDX-License-Identifier: MIT
#include "memory/access.h"

#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>

#include "core/launch.h"
#include "core/report.h"
#include "core/worker.h"
#include "memory/device_heap.h"
#include "memory/explain.h"
#include "memory/host_order.h"
#include "memory/write_trace.h"

namespace cudasim {

namespace {

struct HostMemory {
    std::size_t bytes = 0;
    std::shared_ptr<Shadow> shadow; // null where there is no room for one
};
std::shared_mutex host_mutex;
std::map<const std::uint8_t*, HostMemory>& host_ranges() {
    static auto* ranges = new std::map<const std::uint8_t*, HostMemory>;
    return *ranges;
}
// Under host_mutex.
std::map<const std::uint8_t*, HostMemory>::iterator host_range_at(const void* p) {
    auto& all = host_ranges();
    auto it = all.upper_bound(static_cast<const std::uint8_t*>(p));
    if (it == all.begin())
        return all.end();
    --it;
    return static_cast<const std::uint8_t*>(p) < it->first + it->second.bytes ? it : all.end();
}

std::atomic<bool> peers[kMaxDevices][kMaxDevices], pools[kMaxDevices][kMaxDevices];

} // namespace

// An allocation or a page-locked range, and what the host did there that a launch cannot see.
struct KnownMemory {
    Allocation allocation;
    Shadow* shadow = nullptr;
    std::shared_ptr<Shadow> keep; // of page-locked memory that may be released meanwhile
    std::vector<HostRecord> unseen;
};

namespace {

// What this host thread knows, for one launch and one state of the heap.
struct AllocationCache {
    std::uint64_t generation = 0;
    std::uint32_t launch = 0;
    const KnownMemory* last[4] = {};
    unsigned next = 0;
    std::map<const std::uint8_t*, KnownMemory> all; // by base

    const KnownMemory* find(const std::uint8_t* p, std::size_t bytes) const {
        for (const KnownMemory* m : last) {
            if (m != nullptr && holds(*m, p, bytes))
                return m;
        }
        auto it = all.upper_bound(p);
        if (it == all.begin() || !holds((--it)->second, p, bytes))
            return nullptr;
        return &it->second;
    }
    static bool holds(const KnownMemory& m, const std::uint8_t* p, std::size_t bytes) {
        return p >= m.allocation.base && p + bytes <= m.allocation.base + m.allocation.bytes;
    }
};
thread_local AllocationCache* allocation_cache = nullptr;

AllocationCache& cache_for(const Launch& launch) {
    if (allocation_cache == nullptr)
        allocation_cache = new AllocationCache; // one per host thread
    AllocationCache& cache = *allocation_cache;
    std::uint64_t generation = DeviceHeap::instance().generation();
    if (cache.generation != generation || cache.launch != launch.first_space) {
        cache = AllocationCache{};
        cache.generation = generation;
        cache.launch = launch.first_space;
    }
    return cache;
}

const KnownMemory* known_memory(const Launch& launch, const std::uint8_t* p, std::size_t bytes,
                                bool device) {
    AllocationCache& cache = cache_for(launch);
    const KnownMemory* known = cache.find(p, bytes);
    if (known == nullptr) {
        KnownMemory m;
        if (device) {
            if (!DeviceHeap::instance().find(p, &m.allocation))
                return nullptr;
            m.shadow = &DeviceHeap::instance().shadow();
        } else {
            std::shared_lock<std::shared_mutex> lock(host_mutex);
            auto it = host_range_at(p);
            if (it == host_ranges().end())
                return nullptr;
            m.allocation.base = const_cast<std::uint8_t*>(it->first);
            m.allocation.bytes = it->second.bytes;
            m.keep = it->second.shadow;
            m.shadow = m.keep.get();
        }
        if (!AllocationCache::holds(m, p, bytes))
            return nullptr;
        m.unseen = host_records_unseen(m.allocation.base, launch.config.visible);
        known = &(cache.all[m.allocation.base] = std::move(m));
    }
    if (cache.last[(cache.next + 3) % 4] != known)
        cache.last[cache.next++ % 4] = known;
    return known;
}

void bad_access(Thread* t, const char* kind, const void* p, std::size_t bytes,
                const AccessFlags& flags, const void* caller, const char* why) {
    fail_text(
        t, caller, kind,
        format("%s (%s of %zu bytes) at ", flags.what, flags.write ? "write" : "read", bytes) +
            describe_address(t, p) + why);
}

// Work of the host that the thread's launch could not see from its start.
void check_host_work(Thread* t, const KnownMemory& m, const void* p, std::size_t bytes,
                     const AccessFlags& flags, const void* caller) {
    const auto* at = static_cast<const std::uint8_t*>(p);
    for (const HostRecord& r : m.unseen) {
        if (!(flags.write || r.write) || !r.range.overlaps(at, at + bytes) ||
            stamp_covers(t, t->view.get(), r.stamp))
            continue;
        bad_access(t, "race", p, bytes, flags, caller,
                   (std::string(" races with a ") + (r.write ? "write" : "read") + " by the " +
                    describe_host_work(r.name, r.stamp) + ", which nothing orders before this")
                       .c_str());
    }
}

Place check_other(Thread* t, const void* p, std::size_t bytes, const AccessFlags& flags,
                  const void* caller, const KnownMemory** known) {
    const KnownMemory* m =
        known_memory(*t->block->cluster->launch, static_cast<const std::uint8_t*>(p), bytes, false);
    if (m != nullptr) {
        if (known != nullptr)
            *known = m;
        return m->shadow != nullptr ? Place::Pinned : Place::Unchecked;
    }
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

void forget_allocations() {
    delete allocation_cache;
    allocation_cache = nullptr;
}

void add_host_range(const void* p, std::size_t bytes) {
    HostMemory memory;
    memory.bytes = bytes;
    try {
        memory.shadow = std::make_shared<Shadow>(p, bytes, true);
    } catch (const std::bad_alloc&) {
    }
    {
        std::unique_lock<std::shared_mutex> lock(host_mutex);
        host_ranges()[static_cast<const std::uint8_t*>(p)] = std::move(memory);
    }
    forget_host_records(p);
    DeviceHeap::instance().touch();
}

void remove_host_range(const void* p) {
    HostMemory memory;
    {
        std::unique_lock<std::shared_mutex> lock(host_mutex);
        auto it = host_ranges().find(static_cast<const std::uint8_t*>(p));
        if (it == host_ranges().end())
            return;
        memory = std::move(it->second);
        host_ranges().erase(it);
    }
    forget_host_records(p);
    DeviceHeap::instance().touch();
}

bool in_host_range(const void* p, std::size_t bytes) {
    std::shared_lock<std::shared_mutex> lock(host_mutex);
    auto it = host_range_at(p);
    return it != host_ranges().end() &&
           static_cast<const std::uint8_t*>(p) + bytes <= it->first + it->second.bytes;
}

bool overlaps_host_range(const void* p, std::size_t bytes) {
    std::shared_lock<std::shared_mutex> lock(host_mutex);
    if (host_range_at(p) != host_ranges().end())
        return true;
    const auto next = host_ranges().upper_bound(static_cast<const std::uint8_t*>(p));
    return next != host_ranges().end() && next->first < static_cast<const std::uint8_t*>(p) + bytes;
}

std::shared_ptr<Shadow> host_range_shadow(const void* p, const void** base) {
    std::shared_lock<std::shared_mutex> lock(host_mutex);
    auto it = host_range_at(p);
    if (it == host_ranges().end())
        return nullptr;
    *base = it->first;
    return it->second.shadow;
}

void set_peer_access(int device, int peer, bool on) { peers[device][peer] = on; }
bool has_peer_access(int device, int peer) { return device == peer || peers[device][peer]; }
void set_pool_access(int device, int owner, bool on) { pools[device][owner] = on; }
bool has_pool_access(int device, int owner) { return device == owner || pools[device][owner]; }

Place check_bounds(Thread* t, const void* p, std::size_t bytes, const AccessFlags& flags,
                   const void* caller, const KnownMemory** known) {
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
        const KnownMemory* m = known_memory(*cluster.launch, at, bytes, true);
        if (m == nullptr) {
            bad_access(t, "global memory out of bounds", p, bytes, flags, caller,
                       ": out of bounds");
        }
        const Allocation& a = m->allocation;
        if (a.freed)
            bad_access(t, "use after free", p, bytes, flags, caller, ": use after free");
        int device = cluster.launch->config.device;
        if (a.device != device &&
            !(a.pooled ? has_pool_access(device, a.device) : has_peer_access(device, a.device))) {
            bad_access(t, "no peer access", p, bytes, flags, caller,
                       a.pooled ? ": the pool of that device does not give access to this one"
                                : ": peer access to that device is not enabled");
        }
        if (known != nullptr)
            *known = m;
        return a.unchecked() ? Place::Unchecked : Place::Global;
    }
    return check_other(t, p, bytes, flags, caller, known);
}

Place check_access_as(Thread* t, Epoch epoch, const void* p, std::size_t bytes,
                      const AccessFlags& flags, const void* caller) {
    const KnownMemory* known = nullptr;
    Place place = check_bounds(t, p, bytes, flags, caller, &known);
    if (place == Place::Own)
        return place;
    if (flags.write && t->block->trace)
        WriteTrace::instance().write(t, p, bytes, flags.what, caller);
    if (place == Place::Unchecked || !t->block->checks)
        return place;
    Shadow& shadow = place == Place::Shared ? *t->block->cluster->shadow : *known->shadow;
    if (known != nullptr && !known->unseen.empty())
        check_host_work(t, *known, p, bytes, flags, caller);
    Access access;
    access.thread = t;
    access.caller = caller;
    access.epoch = epoch;
    access.strong = flags.strong;
    access.strength = make_strength(flags.scope, flags.element, flags.async);
    access.async = flags.async;
    access.tolerate_uninitialised = flags.tolerate_uninitialised || place != Place::Shared;
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
    if (t->block->checks && place != Place::Own && place != Place::Unchecked) {
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
