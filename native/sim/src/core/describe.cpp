// SPDX-License-Identifier: MIT
#include "core/describe.h"

#include <map>
#include <utility>

#include "async/mbarrier.h"
#include "core/report.h"
#include "memory/explain.h"

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
            return "the value at " + describe_address(&t, w.address) + " to change";
        return describe_mbarrier(cluster_of(&t), w.detail, w.extra);
    case WaitKind::Poll:
        return "the value at " + describe_address(&t, w.address) + " to change";
    case WaitKind::Warpgroup:
        return w.what;
    case WaitKind::None:
        break;
    }
    return t.state == ThreadState::Exited ? "nothing (exited)" : "nothing";
}

// Lanes that wait, by what for and where.
using Groups = std::map<std::pair<std::string, const void*>, std::uint32_t>;

Groups groups_of(const Warp& warp, std::uint32_t lanes) {
    Groups groups;
    for (; lanes != 0; lanes &= lanes - 1) {
        const Thread& t = warp.threads[__builtin_ctz(lanes)];
        const void* caller = t.wait.kind == WaitKind::None ? nullptr : t.wait.caller;
        groups[{describe_wait(t), caller}] |= 1u << t.lane;
    }
    return groups;
}

// Lines of device code. Looking one up costs a process, and most threads wait at few places.
class Places {
  public:
    std::string of(const void* caller) {
        if (caller == nullptr)
            return "";
        auto known = places_.find(caller);
        if (known == places_.end()) {
            if (places_.size() == 12)
                return "";
            known = places_.emplace(caller, place_of(caller)).first;
        }
        return "\n    at " + known->second;
    }

  private:
    std::map<const void*, std::string> places_;
};

} // namespace

std::string describe_waits(const Worker& worker, const char* why) {
    std::string text = why;
    Places places;
    unsigned lines = 0;
    for (const auto& cluster : worker.clusters()) {
        for (const auto& block : cluster->blocks) {
            for (const Warp& warp : block->warps) {
                for (const auto& [wait, lanes] : groups_of(warp, warp.live)) {
                    if (++lines > 64)
                        return text + "\n  ... and more";
                    text += format("\n  block (%u,%u,%u) warp %u lanes 0x%08x: waits for ",
                                   block->idx.x, block->idx.y, block->idx.z, warp.index, lanes) +
                            wait.first + places.of(wait.second);
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
        const bool waits = (state == ThreadState::Blocked || state == ThreadState::Polling) &&
                           (warp.ready >> lane & 1) == 0;
        (!live ? exited : waits ? waiting : elsewhere) |= 1u << lane;
    }
    Places places;
    for (const auto& [wait, lanes] : groups_of(warp, waiting))
        text += format("\n  lanes 0x%08x: wait for ", lanes) + wait.first + places.of(wait.second);
    if (elsewhere != 0)
        text += format("\n  lanes 0x%08x: on their way", elsewhere);
    if (exited != 0)
        text += format("\n  lanes 0x%08x: not there (exited)", exited);
    return text;
}

} // namespace cudasim
