// SPDX-License-Identifier: MIT
// Whether one access happened before another, and whether two that are not ordered are morally
// strong.
#include <algorithm>
#include <string>

#include "core/launch.h"
#include "core/model.h"
#include "core/report.h"
#include "memory/explain.h"
#include "memory/shadow.h"

namespace cudasim {

namespace {
// True if some other cluster whose work t has seen (by an acquire) could itself see the stamp: what
// happened before a release happened before the acquire too.
bool inherited(const Cluster& cluster, const View& view, const Stamp& stamp) {
    struct Cache {
        std::uint64_t view = 0, sequence = 0;
        std::uint32_t stream = 0;
        bool result = false;
    };
    static thread_local Cache cache;
    if (cache.view == view.id() && cache.stream == stamp.stream && cache.sequence == stamp.sequence)
        return cache.result;
    const Launch& launch = *cluster.launch;
    bool result = false;
    for (const Foreign& f : view.foreigners()) {
        if (f.space - launch.first_space < launch.cluster_count) {
            // The same grid: it may have waited for the grid before it.
            result = launch.config.has_dependency &&
                     stamp.stream == launch.config.dependency.stream &&
                     stamp.sequence <= launch.config.dependency.sequence &&
                     f.view->seen(cluster.dependency_slot) > 0;
        } else if (auto work = work_of_space(f.space)) {
            result = reaches(work->visible, stamp);
        }
        if (result)
            break;
    }
    cache = {view.id(), stamp.sequence, stamp.stream, result};
    return result;
}
} // namespace

bool stamp_covers(const Thread* t, const View* view, const Stamp& stamp) {
    const Cluster& cluster = *t->block->cluster;
    const LaunchConfig& config = cluster.launch->config;
    if (reaches(config.visible, stamp))
        return true;
    if (view == nullptr)
        return false;
    if (config.has_dependency && stamp.stream == config.dependency.stream &&
        stamp.sequence <= config.dependency.sequence && view->seen(cluster.dependency_slot) > 0)
        return true;
    return !view->foreigners().empty() && inherited(cluster, *view, stamp);
}

bool view_covers(const Thread* t, const View* view, Epoch e, bool async) {
    const Cluster& cluster = *t->block->cluster;
    std::uint32_t space = epoch_space(e), slot = epoch_slot(e), clock = epoch_clock(e);
    if (space == cluster.space) {
        return view != nullptr && clock <= (async ? view->fenced(slot) : view->seen(slot));
    }
    bool same_launch = false;
    const Stamp* stamp = stamp_of_space(space, &same_launch, cluster.space);
    if (!same_launch && (stamp == nullptr || stamp_covers(t, view, *stamp)))
        return true; // or so old that its record is gone
    const View* foreign = view != nullptr ? view->foreign(space) : nullptr;
    return foreign != nullptr && clock <= (async ? foreign->fenced(slot) : foreign->seen(slot));
}

bool happened_before(const Thread* t, Epoch e, bool async) {
    if (epoch_space(e) == t->block->cluster->space && epoch_slot(e) == t->slot)
        return !async || epoch_clock(e) <= t->fenced;
    return view_covers(t, t->view.get(), e, async);
}

namespace {
constexpr int scope_of(Strength s) { return s & 3; }
constexpr unsigned element_of(Strength s) { return s >> 2 & 7u; }
constexpr unsigned kUnknownElement = 7;

std::string size_of(Strength s) {
    return element_of(s) == kUnknownElement ? "a vector" : format("%u bytes", 1u << element_of(s));
}

// The narrowest scope that holds t and the agent of an epoch.
int common_scope(const Thread* t, Epoch other) {
    const Cluster& cluster = *t->block->cluster;
    const std::uint32_t space = epoch_space(other);
    if (space == cluster.space) {
        const Thread* by = cluster.agents[epoch_slot(other)].thread;
        return by != nullptr && by->block == t->block ? DI_SIM_CTA : DI_SIM_CLUSTER;
    }
    bool same_launch = false;
    if (stamp_of_space(space, &same_launch, cluster.space) == nullptr || same_launch)
        return DI_SIM_GPU;
    auto work = work_of_space(space);
    return work == nullptr || work->device == cluster.launch->config.device ? DI_SIM_GPU
                                                                            : DI_SIM_SYS;
}
} // namespace

Weakness weakness(const Access& access, Epoch other, Strength strength) {
    const Strength mine = access.strength;
    if (((mine ^ strength) & 32) != 0)
        return Weakness::Proxy;
    if (element_of(mine) != element_of(strength) && element_of(mine) != kUnknownElement &&
        element_of(strength) != kUnknownElement)
        return Weakness::Size;
    const int narrower = std::min(scope_of(mine), scope_of(strength));
    if (narrower == DI_SIM_SYS || narrower >= common_scope(access.thread, other))
        return Weakness::None;
    return Weakness::Scope;
}

std::string describe_weakness(const Access& access, Epoch other, Strength strength) {
    static const char* const apart[] = {"", "in different blocks of a cluster",
                                        "in different blocks", "on different devices"};
    const Strength mine = access.strength;
    const std::string text = "\n  both are strong, but not morally strong: ";
    switch (weakness(access, other, strength)) {
    case Weakness::None:
        return "";
    case Weakness::Proxy:
        return text + "only one of them is in the async proxy; they have to be ordered, with "
                      "fence.proxy.async";
    case Weakness::Size:
        return text + "they overlap in part, " + size_of(mine) + " here and " + size_of(strength) +
               " there; they must have the same size or be ordered";
    case Weakness::Scope:
        break;
    }
    const int needed = common_scope(access.thread, other);
    const bool here = scope_of(mine) < needed, there = scope_of(strength) < needed;
    return text +
           format("scope %s here and %s there, but the threads are %s; %s must have scope %s%s",
                  scope_name(scope_of(mine)), scope_name(scope_of(strength)), apart[needed],
                  here && there ? "both"
                  : here        ? "this access"
                                : "the other access",
                  scope_name(needed), needed < DI_SIM_SYS ? " or wider" : "");
}

} // namespace cudasim
