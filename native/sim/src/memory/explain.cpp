// SPDX-License-Identifier: MIT
#include "memory/explain.h"

#include "core/launch.h"
#include "core/model.h"
#include "core/report.h"
#include "memory/device_heap.h"

namespace cudasim {

std::string describe_address(const Thread* t, const void* address) {
    const Cluster& cluster = *t->block->cluster;
    const auto* p = static_cast<const std::uint8_t*>(address);
    if (p >= cluster.arena && p < cluster.arena + cluster.arena_bytes) {
        auto offset = static_cast<std::uint64_t>(p - cluster.arena);
        auto rank = static_cast<unsigned>(offset / kSharedStride);
        auto in_block = static_cast<std::uint32_t>(offset % kSharedStride);
        long user = static_cast<long>(in_block) - static_cast<long>(kSharedBase);
        if (rank == t->block->rank)
            return format("shared memory offset %ld", user);
        return format("shared memory offset %ld of block rank %u", user, rank);
    }
    Allocation a;
    if (DeviceHeap::instance().contains(address)) {
        if (DeviceHeap::instance().nearest(address, &a)) {
            long offset = static_cast<long>(p - a.base);
            return format(
                "global memory %p (device %d, offset %ld of an allocation of %zu bytes%s)", address,
                a.device, offset, a.bytes, a.freed ? ", freed" : "");
        }
        return format("global memory %p (never allocated)", address);
    }
    return format("address %p", address);
}

std::string describe_epoch(const Thread* t, Epoch e, const void* address) {
    const Cluster& cluster = *t->block->cluster;
    if (epoch_space(e) != cluster.space) {
        bool same_launch = false;
        const Stamp* stamp = stamp_of_space(epoch_space(e), &same_launch, cluster.space);
        if (same_launch) {
            std::uint32_t other = epoch_space(e) - cluster.launch->first_space;
            const LaunchConfig& config = cluster.launch->config;
            unsigned threads = cluster.launch->threads_per_block;
            std::string in = epoch_slot(e) < threads * cluster.launch->blocks_per_cluster
                                 ? format("thread %u of ", epoch_slot(e) % threads)
                                 : "an asynchronous operation of ";
            return in + format("%s %u of this launch (grid %u,%u,%u)",
                               cluster.launch->blocks_per_cluster == 1 ? "block" : "cluster", other,
                               config.grid.x, config.grid.y, config.grid.z);
        }
        if (stamp == nullptr)
            return "earlier work";
        return format(
            "earlier work that nothing orders before this kernel (stream %u, operation %llu)",
            stamp->stream, static_cast<unsigned long long>(stamp->sequence));
    }
    std::uint32_t slot = epoch_slot(e);
    if (slot >= cluster.agents.size())
        return "an unknown agent";
    const Agent& agent = cluster.agents[slot];
    std::string name;
    switch (agent.kind) {
    case AgentKind::Thread: {
        name = slot == t->slot ? "the same thread" : name_of(agent.thread);
        auto at = reinterpret_cast<std::uint64_t>(address);
        for (const RecentAccess& r : agent.thread->recent) {
            if (r.bytes != 0 && at >= r.address && at < r.address + r.bytes &&
                r.clock == epoch_clock(e)) {
                name += "\n    at " + place_of(r.caller);
                break;
            }
        }
        return name;
    }
    case AgentKind::CpAsync:
        return "a cp.async of " + name_of(agent.thread) + " that has not been waited for";
    case AgentKind::Bulk:
        return "a bulk copy of " + name_of(agent.thread) + " that has not been waited for";
    case AgentKind::Mbarrier:
        return format("a copy that completes phase %u of the mbarrier at shared address 0x%x",
                      epoch_clock(e) - 1, agent.address);
    case AgentKind::Wgmma:
        return "a wgmma of the warpgroup of " + name_of(agent.thread) +
               " that has not been waited for";
    case AgentKind::Dependency:
        break;
    }
    return "an unknown agent";
}

} // namespace cudasim
