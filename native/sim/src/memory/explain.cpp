// SPDX-License-Identifier: MIT
#include "memory/explain.h"

#include "core/launch.h"
#include "core/model.h"
#include "core/report.h"
#include "memory/access.h"
#include "memory/device_heap.h"
#include "memory/shadow.h"
#include "memory/strong.h"

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
    return describe_memory(address);
}

std::string describe_memory(const void* address) {
    Allocation a;
    if (DeviceHeap::instance().contains(address)) {
        if (DeviceHeap::instance().nearest(address, &a)) {
            long offset = static_cast<long>(static_cast<const std::uint8_t*>(address) - a.base);
            return format(
                "global memory %p (device %d, offset %ld of an allocation of %zu bytes%s)", address,
                a.device, offset, a.bytes, a.freed ? ", freed" : "");
        }
        return format("global memory %p (never allocated)", address);
    }
    const void* base = nullptr;
    if (host_range_shadow(address, &base) != nullptr) {
        return format("page-locked host memory %p (offset %ld)", address,
                      static_cast<long>(static_cast<const std::uint8_t*>(address) -
                                        static_cast<const std::uint8_t*>(base)));
    }
    return format("address %p", address);
}

namespace {
// Threads come first among the agents of a cluster, block by block; empty for another agent.
std::string thread_name(const Work& work, std::uint32_t space, std::uint32_t slot) {
    const di_sim_uint3 &g = work.grid, &b = work.block, &c = work.cluster;
    const unsigned threads = b.x * b.y * b.z, blocks = c.x * c.y * c.z;
    const unsigned index = space - work.first_space;
    if (slot >= threads * blocks)
        return "";
    const unsigned rank = slot / threads, i = slot % threads;
    const unsigned gx = g.x / c.x, gy = g.y / c.y;
    return format("block (%u,%u,%u) thread (%u,%u,%u) [warp %u lane %u]",
                  index % gx * c.x + rank % c.x, index / gx % gy * c.y + rank / c.x % c.y,
                  index / gx / gy * c.z + rank / c.x / c.y, i % b.x, i / b.x % b.y, i / b.x / b.y,
                  i / kWarpSize, i % kWarpSize);
}
} // namespace

std::string describe_foreign_epoch(Epoch e) {
    auto work = work_of_space(epoch_space(e));
    if (work == nullptr)
        return "earlier work";
    std::string who = thread_name(*work, epoch_space(e), epoch_slot(e));
    return (who.empty() ? "an asynchronous operation" : who) +
           format(" of kernel %s (stream %u, operation %llu, device %d)", work->name.c_str(),
                  work->stamp.stream, static_cast<unsigned long long>(work->stamp.sequence),
                  work->device);
}

std::string describe_thread_of(std::uint32_t space, std::uint32_t slot) {
    auto work = work_of_space(space);
    if (work == nullptr)
        return "a thread of earlier work";
    return thread_name(*work, space, slot) +
           format(" of kernel %s (seed %llu, device %d)", work->name.c_str(),
                  static_cast<unsigned long long>(work->seed), work->device);
}

const char* scope_name(int scope) {
    static const char* const names[] = {".cta", ".cluster", ".gpu", ".sys"};
    return names[scope];
}

namespace {
const char* or_wider(int scope) { return scope < DI_SIM_SYS ? " or wider" : ""; }

std::string explain(const Thread* t, const Thread& by, const MissedView& m) {
    std::string text = "\n  " + (&by == t ? std::string("this thread") : name_of(&by)) +
                       " has met a release that would order it (" + m.what + " at " +
                       describe_address(t, m.at) + ")";
    if (m.acquire == kNotAcquired) {
        return text + format(", but has not acquired it: that takes an .acquire, or a fence after "
                             "the .relaxed access, with scope %s%s",
                             scope_name(m.needed), or_wider(m.needed));
    }
    text += format(", but its scopes are too narrow: released with scope %s, acquired with scope "
                   "%s",
                   scope_name(m.release), scope_name(m.acquire));
    bool release = m.release < m.needed, acquire = m.acquire < m.needed;
    return text + format("; %s must have scope %s%s",
                         release && acquire ? "both"
                         : release          ? "the release"
                                            : "the acquire",
                         scope_name(m.needed), or_wider(m.needed));
}
} // namespace

std::string explain_missed(const Thread* t, Epoch e) {
    for (const auto& block : cluster_of(t).blocks) {
        for (const Thread& by : block->threads) {
            for (const MissedView& m : by.missed) {
                // As a view of this cluster: it may be one of another.
                const ViewRef view = join_views(cluster_of(t).space, ViewRef(), m.view);
                if (view && view_covers(t, view.get(), e, false) &&
                    !view_covers(&by, by.view.get(), e, false))
                    return explain(t, by, m);
            }
        }
    }
    return "";
}

std::string describe_epoch(const Thread* t, Epoch e, const void* address) {
    const Cluster& cluster = *t->block->cluster;
    if (epoch_space(e) != cluster.space) {
        bool same_launch = false;
        const Stamp* stamp = stamp_of_space(epoch_space(e), &same_launch, cluster.space);
        if (stamp == nullptr)
            return "earlier work";
        std::string text = describe_foreign_epoch(e);
        if (!same_launch)
            text += ", which nothing orders before this";
        const void* caller = epoch_strong(e) ? strong_place(e, address) : nullptr;
        return caller == nullptr ? text : text + "\n    at " + place_of(caller);
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
