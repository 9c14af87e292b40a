// SPDX-License-Identifier: MIT
#include "core/describe.h"

#include <map>

#include "async/mbarrier.h"
#include "core/report.h"

namespace cudasim {

namespace {

std::string describe_mbarrier(const Cluster& cluster, std::uint32_t address, std::uint32_t parity) {
    std::string text = format("mbarrier at shared address 0x%x for parity %u", address, parity);
    std::uint32_t rank = address >> kRankShift, offset = address & ((1u << kRankShift) - 1);
    if (rank >= cluster.blocks.size())
        return text;
    const auto& barriers = cluster.blocks[rank]->mbarriers;
    auto it = barriers.find(offset);
    if (it == barriers.end())
        return text + " (not an mbarrier)";
    const Mbarrier& bar = *it->second;
    return text + format(" (phase %u in progress, %u of %u arrivals missing, %lld bytes pending)",
                         bar.phase, bar.pending, bar.expected, static_cast<long long>(bar.tx));
}

std::string describe_wait(const Thread& t) {
    const Wait& w = t.wait;
    switch (w.kind) {
    case WaitKind::NamedBarrier: {
        const NamedBarrier& b = t.block->barriers[w.detail];
        return format("barrier %u (%u of %u threads arrived)", w.detail, b.arrived,
                      b.expected == 0 ? t.block->live : b.expected);
    }
    case WaitKind::Warp: {
        std::uint32_t arrived = 0;
        for (const Collective& c : t.warp->collectives) {
            if ((c.arrived >> t.lane & 1) != 0)
                arrived = c.arrived;
        }
        return format("%s with mask 0x%08x (lanes 0x%08x are there)", w.what, w.detail, arrived);
    }
    case WaitKind::ClusterBarrier:
        return format("cluster barrier, phase %u (%u arrived)", w.extra,
                      cluster_of(&t).barrier.arrived);
    case WaitKind::Mbarrier:
        if (w.detail == 0)
            return "a value in shared memory to change";
        return describe_mbarrier(cluster_of(&t), w.detail, w.extra);
    case WaitKind::Poll:
        return format("the value at %p to change", w.caller);
    case WaitKind::Warpgroup:
        return w.what;
    case WaitKind::None:
        break;
    }
    return t.state == ThreadState::Exited ? "nothing (exited)" : "nothing";
}

// Lanes that wait for the same thing at the same place.
struct Group {
    std::uint32_t lanes = 0;
    const void* caller = nullptr;
    WaitKind kind = WaitKind::None;
};

std::map<std::string, Group> groups_of(const Warp& warp, std::uint32_t lanes) {
    std::map<std::string, Group> groups;
    for (; lanes != 0; lanes &= lanes - 1) {
        const Thread& t = warp.threads[__builtin_ctz(lanes)];
        Group& g = groups[describe_wait(t)];
        g.lanes |= 1u << t.lane;
        g.caller = t.wait.caller;
        g.kind = t.wait.kind;
    }
    return groups;
}

std::string place_of(const Group& g) {
    bool known = g.kind != WaitKind::Poll && g.kind != WaitKind::None && g.caller != nullptr;
    return known ? "\n    at " + cudasim::place_of(g.caller) : "";
}

} // namespace

std::string describe_waits(const Worker& worker, const char* why) {
    std::string text = why;
    unsigned lines = 0;
    for (const auto& cluster : worker.clusters()) {
        for (const auto& block : cluster->blocks) {
            for (const Warp& warp : block->warps) {
                for (const auto& [wait, g] : groups_of(warp, warp.live)) {
                    if (++lines > 64)
                        return text + "\n  ... and more";
                    text += format("\n  block (%u,%u,%u) warp %u lanes 0x%08x: waits for ",
                                   block->idx.x, block->idx.y, block->idx.z, warp.index, g.lanes) +
                            wait;
                    if (lines < 12)
                        text += place_of(g);
                }
            }
        }
    }
    return text;
}

std::string describe_lanes(const Warp& warp) {
    std::string text;
    std::uint32_t elsewhere = 0, exited = 0;
    std::uint32_t waiting = 0;
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
        const bool live = (warp.live >> lane & 1) != 0;
        const ThreadState state = warp.threads[lane].state;
        const bool waits = state == ThreadState::Blocked || state == ThreadState::Polling;
        (!live ? exited : waits ? waiting : elsewhere) |= 1u << lane;
    }
    for (const auto& [wait, g] : groups_of(warp, waiting))
        text += format("\n  lanes 0x%08x: wait for ", g.lanes) + wait + place_of(g);
    if (elsewhere != 0)
        text += format("\n  lanes 0x%08x: on their way", elsewhere);
    if (exited != 0)
        text += format("\n  lanes 0x%08x: not there (exited)", exited);
    return text;
}

} // namespace cudasim
