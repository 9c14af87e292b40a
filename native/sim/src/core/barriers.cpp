// SPDX-License-Identifier: MIT
#include "core/barriers.h"

#include "core/describe.h"
#include "core/report.h"
#include "core/warp.h"
#include "core/worker.h"
#include "memory/strong.h"

namespace cudasim {

namespace {

void complete(NamedBarrier& barrier, Thread* t, const void* caller) {
    Block& block = *t->block;
    // bar.sync is aligned: of every warp either all live lanes have arrived or none.
    for (std::size_t w = 0; w < barrier.lanes.size(); ++w) {
        std::uint32_t lanes = barrier.lanes[w], live = block.warps[w].live;
        if (lanes != 0 && (lanes & live) != live) {
            fail(t, caller, "divergent barrier",
                 "barrier is complete with lanes 0x%08x of warp %zu, of which 0x%08x have not "
                 "exited",
                 lanes, w, live);
        }
    }
    ViewRef view = block.checks ? barrier.view.freeze() : ViewRef();
    Worker& worker = worker_of(t);
    for (Thread* w : barrier.waiting) {
        w->view = view; // holds everything that w had seen: w added it
        w->result = barrier.red_value;
        w->warp->at_named_barrier &= ~(1u << w->lane);
        worker.wake(w);
    }
    barrier.waiting.clear();
    barrier.arrived = 0;
    barrier.expected = 0;
    barrier.view.clear();
    barrier.lanes.clear();
    barrier.red_op = -1;
}

// The barrier is aligned: no other lane of the warp may wait for this one, or elsewhere.
void check_lanes_at_barrier(Thread* t, unsigned id, const void* caller) {
    const Warp& warp = *t->warp;
    for (const Collective& c : warp.collectives) {
        if ((c.mask >> t->lane & 1) != 0) {
            fail_text(t, caller, "divergent collective",
                      format("barrier %u, while lanes 0x%08x of the warp wait at %s with mask "
                             "0x%08x for this one",
                             id, c.arrived, c.what, c.mask) +
                          describe_lanes(warp));
        }
    }
    // Those that wait are at one barrier: each has come through here.
    if (warp.at_named_barrier != 0) {
        const Thread& other = warp.threads[__builtin_ctz(warp.at_named_barrier)];
        if (other.wait.detail != id) {
            fail_text(t, caller, "divergent barrier",
                      format("barrier %u, while lane %u of the warp waits at barrier %u", id,
                             other.lane, other.wait.detail) +
                          describe_lanes(warp));
        }
    }
}

unsigned needed(const NamedBarrier& barrier, const Block& block) {
    return barrier.expected == 0 ? block.live : barrier.expected;
}

} // namespace

int named_barrier(Thread* t, unsigned id, unsigned count, bool wait, int red, int predicate,
                  const void* caller) {
    Block& block = *t->block;
    if (id >= kNamedBarriers) {
        fail(t, caller, "invalid barrier", "barrier %u: a block has barriers 0 to %u", id,
             kNamedBarriers - 1);
    }
    if (count % kWarpSize != 0 || count > block.threads.size()) {
        fail(t, caller, "invalid barrier",
             "barrier %u: %u threads, not a multiple of 32 or more than the block has", id, count);
    }
    if (wait)
        check_lanes_at_barrier(t, id, caller);
    else
        converge(t, kBarrierArrive + static_cast<int>(id), "bar.arrive", caller);
    NamedBarrier& barrier = block.barriers[id];
    if (barrier.arrived == 0) {
        barrier.expected = count;
        barrier.red_op = red;
        barrier.red_value = red == 1 ? 1 : 0;
        barrier.lanes.assign(block.warps.size(), 0);
    } else if (barrier.expected != count || barrier.red_op != red) {
        fail(t, caller, "invalid barrier",
             "barrier %u: %u threads or another reduction, but others arrived with %u", id, count,
             barrier.expected);
    }
    std::uint32_t& lanes = barrier.lanes[t->warp->index];
    if ((lanes >> t->lane & 1) != 0) {
        fail(t, caller, "barrier over-arrival",
             "barrier %u: this thread arrives twice in one phase", id);
    }
    lanes |= 1u << t->lane;
    release_into(t, barrier.view);
    if (red == 0)
        barrier.red_value += predicate != 0;
    if (red == 1)
        barrier.red_value &= predicate != 0;
    if (red == 2)
        barrier.red_value |= predicate != 0;
    ++barrier.arrived;
    if (wait) {
        barrier.waiting.push_back(t);
        t->warp->at_named_barrier |= 1u << t->lane;
    }
    if (barrier.arrived >= needed(barrier, block)) {
        complete(barrier, t, caller);
        worker_of(t).note_progress();
        worker_of(t).maybe_yield(t);
    } else if (wait) {
        Wait w;
        w.kind = WaitKind::NamedBarrier;
        w.detail = id;
        w.extra = count;
        w.what = "named barrier";
        w.caller = caller;
        worker_of(t).block_current(t, w);
    }
    return static_cast<int>(t->result);
}

namespace {

unsigned cluster_threads(const Cluster& cluster) {
    unsigned live = 0;
    for (const auto& block : cluster.blocks)
        live += block->live;
    return live;
}

void complete_cluster(Cluster& cluster) {
    ClusterBarrier& barrier = cluster.barrier;
    barrier.complete = barrier.view.freeze();
    barrier.view.clear();
    barrier.arrived = 0;
    ++barrier.phase;
    for (Thread* w : barrier.waiting)
        cluster.worker->wake(w);
    barrier.waiting.clear();
}

} // namespace

void cluster_arrive(Thread* t, bool release, const void* caller) {
    Cluster& cluster = cluster_of(t);
    ClusterBarrier& barrier = cluster.barrier;
    if (t->cluster_arrived == static_cast<int>(barrier.phase) + 1) {
        fail(t, caller, "barrier over-arrival", "barrier.cluster.arrive twice without a wait");
    }
    t->cluster_arrived = static_cast<int>(barrier.phase) + 1;
    if (release) {
        release_into(t, barrier.view);
        // Its own later reads of what others released need their arrival only.
    }
    if (++barrier.arrived >= cluster_threads(cluster))
        complete_cluster(cluster);
    worker_of(t).note_progress();
    worker_of(t).maybe_yield(t);
}

void cluster_wait(Thread* t, const void* caller) {
    Cluster& cluster = cluster_of(t);
    ClusterBarrier& barrier = cluster.barrier;
    if (t->cluster_arrived == 0)
        fail(t, caller, "invalid barrier", "barrier.cluster.wait without an arrive");
    auto phase = static_cast<std::uint32_t>(t->cluster_arrived - 1);
    if (barrier.phase == phase) {
        barrier.waiting.push_back(t);
        Wait w;
        w.kind = WaitKind::ClusterBarrier;
        w.what = "cluster barrier";
        w.caller = caller;
        w.extra = phase;
        worker_of(t).block_current(t, w);
    }
    t->cluster_arrived = 0;
    acquire_view(t, barrier.complete);
}

void barriers_after_exit(Thread* t) {
    Block& block = *t->block;
    for (NamedBarrier& barrier : block.barriers) {
        if (barrier.arrived != 0 && barrier.expected == 0 && barrier.arrived >= block.live &&
            block.live != 0) {
            complete(barrier, t,
                     barrier.waiting.empty() ? nullptr : barrier.waiting[0]->wait.caller);
        }
    }
    Cluster& cluster = *block.cluster;
    if (cluster.barrier.arrived != 0 && cluster.barrier.arrived >= cluster_threads(cluster)) {
        complete_cluster(cluster);
    }
}

} // namespace cudasim
