// SPDX-License-Identifier: MIT
#include "async/mbarrier.h"

#include <algorithm>
#include <cstring>

#include "core/report.h"
#include "core/window.h"
#include "core/worker.h"
#include "memory/access.h"
#include "memory/strong.h"

namespace cudasim {

namespace {

constexpr std::int64_t kMaxTx = (1 << 20) - 1;
constexpr std::uint32_t kMaxCount = (1u << 20) - 1;

ViewRef take(ViewBuilder& builder) {
    if (builder.empty())
        return ViewRef();
    ViewRef view = builder.freeze();
    builder.clear();
    return view;
}

void complete_phase(Mbarrier& bar) {
    if (bar.block->checks) {
        bar.own.add_clock(bar.slot, bar.phase + 1, bar.phase + 1);
        bar.last_own = take(bar.own);
        bar.last_cluster = take(bar.cluster);
        bar.last_narrow = take(bar.narrow);
    }
    bar.arrivals.clear();
    bar.pending = bar.expected;
    ++bar.phase;
    for (Thread* w : bar.waiting)
        bar.block->cluster->worker->wake(w);
    bar.waiting.clear();
    bar.block->cluster->worker->note_progress();
}

void maybe_complete(Mbarrier& bar) {
    if (bar.pending == 0 && bar.tx == 0)
        complete_phase(bar);
}

void add_tx(Thread* t, Mbarrier& bar, std::int64_t bytes, const void* caller) {
    bar.tx += bytes;
    if (bar.tx > kMaxTx || bar.tx < -kMaxTx) {
        fail(t, caller, "mbarrier transaction count",
             "mbarrier at shared address 0x%x: %lld pending bytes, the limit is %lld",
             mbarrier_address(bar), static_cast<long long>(bar.tx), static_cast<long long>(kMaxTx));
    }
}

// Where an arrival of t with this scope leaves what it releases.
ViewBuilder& released(const Thread* t, Mbarrier& bar, int scope) {
    if (t->block == bar.block)
        return bar.own;
    return scope >= DI_SIM_CLUSTER ? bar.cluster : bar.narrow;
}

void release(Thread* t, Mbarrier& bar, int order, int scope) {
    if (!t->block->checks)
        return;
    if ((order & DI_SIM_RELEASE) != 0) {
        release_into(t, released(t, bar, scope));
        return;
    }
    // A relaxed arrival still carries what a fence before it released.
    for (int s = 0; t->has_fence_release && s <= DI_SIM_SYS; ++s) {
        if (t->fence_release[s])
            released(t, bar, std::min(s, scope)).add(t->fence_release[s].get());
    }
}

void arrive(Thread* t, Mbarrier& bar, std::uint32_t count, int order, int scope,
            const void* caller) {
    if (count > bar.pending) {
        fail(t, caller, "mbarrier over-arrival",
             "mbarrier at shared address 0x%x: %u arrivals when %u of %u are missing in phase %u",
             mbarrier_address(bar), count, bar.pending, bar.expected, bar.phase);
    }
    bar.pending -= count;
    release(t, bar, order, scope);
    maybe_complete(bar);
}

} // namespace

std::uint32_t mbarrier_address(const Mbarrier& bar) {
    return bar.block->rank << kRankShift | bar.offset;
}

Mbarrier& find_mbarrier(Thread* t, std::uint32_t address, const char* what, const void* caller) {
    Block* block = nullptr;
    std::uint8_t* word = shared_pointer(t, address, 8, 8, what, caller, &block);
    auto it = block->mbarriers.find(address & ((1u << kRankShift) - 1));
    if (it == block->mbarriers.end()) {
        fail(t, caller, "uninitialised mbarrier", "%s: no mbarrier at shared address 0x%x", what,
             address);
    }
    Mbarrier& bar = *it->second;
    std::uint64_t value;
    std::memcpy(&value, word, 8);
    if (value != kMbarrierMagic) {
        fail(t, caller, "mbarrier overwritten",
             "%s: the mbarrier at shared address 0x%x was overwritten", what, address);
    }
    if (!t->block->checks)
        return bar;
    bool own = bar.init_slot == t->slot;
    if (!own && (!t->view || t->view->seen(bar.init_slot) < bar.init_clock)) {
        fail(t, caller, "race",
             "%s: nothing orders the initialisation of the mbarrier at shared address 0x%x before "
             "this use",
             what, address);
    }
    if (block != t->block && !bar.fenced) {
        fail(t, caller, "missing mbarrier fence",
             "%s: fence.mbarrier_init is missing after the initialisation of the mbarrier at "
             "shared address 0x%x of"
             " another block",
             what, address);
    }
    return bar;
}

void mbarrier_complete(Thread* t, Mbarrier& bar, std::int64_t bytes) {
    add_tx(t, bar, -bytes, nullptr);
    maybe_complete(bar);
}

void mbarrier_async_arrive(Thread* t, Mbarrier& bar, const ViewRef& view) {
    if (bar.pending == 0) {
        fail(t, nullptr, "mbarrier over-arrival",
             "mbarrier at shared address 0x%x: cp.async arrives when no arrival is missing in "
             "phase %u",
             mbarrier_address(bar), bar.phase);
    }
    --bar.pending;
    bar.own.add(view.get());
    maybe_complete(bar);
}

} // namespace cudasim

using namespace cudasim;

#define EXPORT extern "C" __attribute__((visibility("default")))
#define CALLER __builtin_return_address(0)

EXPORT void di_sim_mbarrier_init(unsigned address, unsigned count) {
    Thread* t = current_thread();
    Block* block = nullptr;
    require_own_block(t, address, "mbarrier.init", CALLER);
    std::uint8_t* word = shared_pointer(t, address, 8, 8, "mbarrier.init", CALLER, &block);
    if (count == 0 || count > kMaxCount) {
        fail(t, CALLER, "invalid argument", "mbarrier.init with count %u, expected 1 to %u", count,
             kMaxCount);
    }
    std::uint32_t offset = address & ((1u << kRankShift) - 1);
    if (block->mbarriers.count(offset) != 0) {
        fail(t, CALLER, "mbarrier overwritten",
             "mbarrier.init at shared address 0x%x, which is an mbarrier already", address);
    }
    AccessFlags flags;
    flags.write = true;
    flags.what = "mbarrier.init";
    check_access(t, word, 8, flags, CALLER);
    std::memcpy(word, &kMbarrierMagic, 8);
    if (block->checks)
        cluster_of(t).shadow->mark_barrier(word, 8, true);
    auto bar = std::make_unique<Mbarrier>();
    bar->block = block;
    bar->offset = offset;
    bar->slot = cluster_of(t).add_agent(AgentKind::Mbarrier, nullptr, address);
    bar->expected = bar->pending = count;
    bar->init_slot = t->slot;
    bar->init_clock = t->clock;
    for (ViewBuilder* builder : {&bar->own, &bar->cluster, &bar->narrow})
        builder->reset(cluster_of(t).space);
    block->mbarriers[offset] = std::move(bar);
    ++block->unfenced_mbarriers;
}

EXPORT void di_sim_mbarrier_inval(unsigned address) {
    Thread* t = current_thread();
    require_own_block(t, address, "mbarrier.inval", CALLER);
    Mbarrier& bar = find_mbarrier(t, address, "mbarrier.inval", CALLER);
    if (!bar.waiting.empty()) {
        fail(t, CALLER, "mbarrier in use", "mbarrier.inval of an mbarrier that threads wait on");
    }
    std::uint8_t* word = bar.block->shared + bar.offset;
    if (t->block->checks)
        cluster_of(t).shadow->mark_barrier(word, 8, false);
    std::memset(word, 0xff, 8);
    AccessFlags flags;
    flags.write = true;
    check_access(t, word, 8, flags, CALLER);
    if (!bar.fenced)
        --bar.block->unfenced_mbarriers;
    bar.block->mbarriers.erase(bar.offset);
}

EXPORT di_sim_u64 di_sim_mbarrier_arrive(unsigned address, unsigned count, int space, int scope,
                                         int order) {
    Thread* t = current_thread();
    if (space == DI_SIM_SHARED_CTA)
        require_own_block(t, address, "mbarrier.arrive", CALLER);
    worker_of(t).maybe_yield(t);
    Mbarrier& bar = find_mbarrier(t, address, "mbarrier.arrive", CALLER);
    std::uint64_t state = bar.phase;
    arrive(t, bar, count, order, scope, CALLER);
    return state;
}

EXPORT di_sim_u64 di_sim_mbarrier_arrive_expect_tx(unsigned address, unsigned bytes, int space,
                                                   int scope, int order) {
    Thread* t = current_thread();
    if (space == DI_SIM_SHARED_CTA)
        require_own_block(t, address, "mbarrier.arrive.expect_tx", CALLER);
    worker_of(t).maybe_yield(t);
    Mbarrier& bar = find_mbarrier(t, address, "mbarrier.arrive.expect_tx", CALLER);
    std::uint64_t state = bar.phase;
    add_tx(t, bar, bytes, CALLER);
    arrive(t, bar, 1, order, scope, CALLER);
    return state;
}

EXPORT void di_sim_mbarrier_expect_tx(unsigned address, unsigned bytes, int space) {
    Thread* t = current_thread();
    if (space == DI_SIM_SHARED_CTA)
        require_own_block(t, address, "mbarrier.expect_tx", CALLER);
    Mbarrier& bar = find_mbarrier(t, address, "mbarrier.expect_tx", CALLER);
    add_tx(t, bar, bytes, CALLER);
    maybe_complete(bar);
}

EXPORT void di_sim_mbarrier_complete_tx(unsigned address, unsigned bytes, int space) {
    Thread* t = current_thread();
    if (space == DI_SIM_SHARED_CTA)
        require_own_block(t, address, "mbarrier.complete_tx", CALLER);
    mbarrier_complete(t, find_mbarrier(t, address, "mbarrier.complete_tx", CALLER), bytes);
}

namespace {

const void* word_of(const Mbarrier& bar) { return bar.block->shared + bar.offset; }

// What a wait that was successful acquires of the completed phase.
void acquire(Thread* t, const Mbarrier& bar, int order, int scope) {
    if (!t->block->checks)
        return;
    if ((order & DI_SIM_ACQUIRE) == 0) {
        // A later fence can still acquire it.
        miss_view(t,
                  {bar.last_own, word_of(bar), "mbarrier", DI_SIM_CTA, kNotAcquired, DI_SIM_CTA});
        miss_view(t, {bar.last_cluster, word_of(bar), "mbarrier", DI_SIM_CLUSTER, kNotAcquired,
                      DI_SIM_CLUSTER});
        std::uint32_t space = cluster_of(t).space;
        for (int s = DI_SIM_CTA; s <= DI_SIM_SYS; ++s) {
            t->fence_acquire[s] = join_views(space, t->fence_acquire[s], bar.last_own);
            if (std::min(s, scope) >= DI_SIM_CLUSTER)
                t->fence_acquire[s] = join_views(space, t->fence_acquire[s], bar.last_cluster);
        }
        t->has_fence_acquire = true;
        return;
    }
    acquire_view(t, bar.last_own);
    if (scope >= DI_SIM_CLUSTER)
        acquire_view(t, bar.last_cluster);
    else
        miss_view(
            t, {bar.last_cluster, word_of(bar), "mbarrier", DI_SIM_CLUSTER, scope, DI_SIM_CLUSTER});
    miss_view(t, {bar.last_narrow, word_of(bar), "mbarrier", DI_SIM_CTA, scope, DI_SIM_CLUSTER});
}

template <typename Done>
int wait_for(Thread* t, Mbarrier& bar, std::uint32_t shown, int scope, int order, int may_block,
             const void* caller, Done done) {
    Worker& worker = worker_of(t);
    if (!done(bar)) {
        Wait wait;
        wait.kind = WaitKind::Mbarrier;
        wait.detail = mbarrier_address(bar);
        wait.extra = shown;
        wait.what = "mbarrier";
        wait.caller = caller;
        if (may_block != 0) {
            // try_wait may give up early: the loop around it has to cope.
            if (worker.rng().one_in(16)) {
                worker.poll_current(t, wait);
                return 0;
            }
            bar.waiting.push_back(t);
            worker.block_current(t, wait);
        } else {
            worker.poll_current(t, wait);
        }
        if (!done(bar))
            return 0;
    }
    acquire(t, bar, order, scope);
    return 1;
}

} // namespace

EXPORT int di_sim_mbarrier_test_parity(unsigned address, unsigned parity, int scope, int order,
                                       int may_block) {
    Thread* t = current_thread();
    require_own_block(t, address, "mbarrier wait", CALLER);
    Mbarrier& bar = find_mbarrier(t, address, "mbarrier wait", CALLER);
    if (parity > 1)
        fail(t, CALLER, "invalid argument", "mbarrier wait with parity %u", parity);
    return wait_for(t, bar, parity, scope, order, may_block, CALLER,
                    [&](const Mbarrier& b) { return (b.phase & 1) != parity; });
}

EXPORT int di_sim_mbarrier_test(unsigned address, di_sim_u64 state, int scope, int order,
                                int may_block) {
    Thread* t = current_thread();
    require_own_block(t, address, "mbarrier wait", CALLER);
    Mbarrier& bar = find_mbarrier(t, address, "mbarrier wait", CALLER);
    if (state > bar.phase || bar.phase - state > 1) {
        fail(t, CALLER, "invalid argument", "mbarrier wait for the state of phase %llu in phase %u",
             state, bar.phase);
    }
    return wait_for(t, bar, state & 1, scope, order, may_block, CALLER,
                    [&](const Mbarrier& b) { return b.phase > state; });
}

EXPORT void di_sim_fence_mbarrier_init() {
    Thread* t = current_thread();
    if (t->block->unfenced_mbarriers == 0)
        return;
    for (auto& entry : t->block->mbarriers) {
        Mbarrier& bar = *entry.second;
        if (bar.fenced || bar.init_slot != t->slot)
            continue;
        bar.fenced = true;
        --t->block->unfenced_mbarriers;
    }
}
