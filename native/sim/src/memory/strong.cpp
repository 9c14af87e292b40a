// SPDX-License-Identifier: MIT
#include "memory/strong.h"

#include <cstring>
#include <mutex>
#include <unordered_map>

#include "core/launch.h"
#include "core/report.h"
#include "core/worker.h"
#include "memory/access.h"
#include "memory/atomic_math.h"

namespace cudasim {

namespace {

constexpr unsigned kShards = 64;
struct Shard {
    std::mutex mutex;
    std::unordered_map<std::uint64_t, SyncVar> vars;
};
Shard& shard_of(std::uint64_t address) {
    static auto* shards = new Shard[kShards];
    return shards[(address >> 3) % kShards];
}

template <typename F>
void visit(std::unordered_map<std::uint64_t, SyncVar>& vars, std::uint64_t address, bool create,
           F f) {
    if (create) {
        f(vars[address]);
        return;
    }
    auto it = vars.find(address);
    if (it != vars.end())
        f(it->second);
}

// Calls f with the sync state of an address; locked if other workers may use it. An address that
// nobody has released anything at has none, unless create.
template <typename F> void with_sync(Thread* t, const void* p, Place place, bool create, F f) {
    auto address = reinterpret_cast<std::uint64_t>(p) & ~std::uint64_t{3};
    if (place == Place::Shared) {
        visit(cluster_of(t).shared_sync, address, create, f);
        return;
    }
    Shard& shard = shard_of(address);
    std::lock_guard<std::mutex> lock(shard.mutex);
    visit(shard.vars, address, create, f);
}

bool releases(const Thread* t, int order) {
    return (order & DI_SIM_RELEASE) != 0 || t->has_fence_release;
}

std::uint32_t scope_owner(const Thread* t, int scope) {
    const Cluster& cluster = *t->block->cluster;
    switch (scope) {
    case DI_SIM_CTA:
        return cluster.space * 16 + t->block->rank + 1;
    case DI_SIM_CLUSTER:
        return cluster.space + 1;
    case DI_SIM_GPU:
        return static_cast<std::uint32_t>(cluster.launch->config.device) + 1;
    default:
        return 1;
    }
}

// A release stays visible in its own scope and in no wider one.
void publish(Thread* t, SyncVar& var, const ViewRef& view, int scope) {
    std::uint32_t owner = scope_owner(t, scope);
    if (var.owner[scope] != owner)
        var.views[scope] = ViewRef();
    var.owner[scope] = owner;
    for (int s = 0; s < 4; ++s)
        var.writer[scope][s] = scope_owner(t, s);
    var.views[scope] = join_views(t->block->cluster->space, var.views[scope], view);
}

// Everything in var that a reader with this scope may take.
ViewRef collect(Thread* t, const SyncVar& var, int scope) {
    ViewRef result;
    for (int s = 0; s < 4; ++s) {
        if (!var.views[s] || var.owner[s] != scope_owner(t, s))
            continue;
        // The reader's scope has to include the writer too.
        bool inside = scope >= s || var.writer[s][scope] == scope_owner(t, scope);
        if (inside)
            result = join_views(t->block->cluster->space, result, var.views[s]);
    }
    return result;
}

void note_value(Thread* t, const void* p, std::uint64_t value, Place place, const void* caller) {
    for (const Thread::Seen& seen : t->polled) {
        if (seen.address == p && seen.value == value) {
            if (++t->poll_count < 3) {
                worker_of(t).maybe_yield(t, false);
                return;
            }
            Wait wait;
            wait.kind = place == Place::Shared ? WaitKind::Mbarrier : WaitKind::Poll;
            wait.what = "the value at an address to change";
            wait.caller = caller;
            wait.address = p;
            worker_of(t).poll_current(t, wait);
            return;
        }
    }
    t->poll_count = 0;
    t->polled[t->poll_next++ % 4] = {p, value};
    worker_of(t).note_progress();
    worker_of(t).maybe_yield(t);
}

void after_read(Thread* t, const SyncVar& var, int order, int scope) {
    ViewRef seen = collect(t, var, scope);
    if (seen && (order & DI_SIM_ACQUIRE) != 0)
        acquire_view(t, seen);
    if (order == DI_SIM_RELAXED || order == DI_SIM_RELEASE) {
        // A later fence can still acquire it.
        for (int s = 0; s < 4; ++s) {
            ViewRef v = collect(t, var, s);
            if (!v)
                continue;
            t->fence_acquire[s] = join_views(t->block->cluster->space, t->fence_acquire[s], v);
            t->has_fence_acquire = true;
        }
    }
}

void before_write(Thread* t, SyncVar& var, int order, int scope, bool rmw) {
    if (!rmw) {
        for (ViewRef& v : var.views)
            v = ViewRef();
    }
    if ((order & DI_SIM_RELEASE) != 0)
        publish(t, var, release_view(t), scope);
    if (t->has_fence_release) {
        for (int s = 0; s < 4; ++s) {
            if (t->fence_release[s])
                publish(t, var, t->fence_release[s], s < scope ? s : scope);
        }
    }
}

} // namespace

void advance_clock(Thread* t) {
    if (++t->clock > kMaxClock) {
        fail(t, nullptr, "not modelled", "more than %u synchronisations by one thread", kMaxClock);
    }
}

void release_into(Thread* t, ViewBuilder& builder) {
    if (!t->block->checks)
        return;
    builder.add(t->view.get());
    builder.add_clock(t->slot, t->clock, t->fenced);
    advance_clock(t);
}

ViewRef release_view(Thread* t) {
    ViewBuilder builder(t->block->cluster->space);
    release_into(t, builder);
    return builder.freeze();
}

void acquire_view(Thread* t, const ViewRef& view) {
    if (!t->block->checks || !view || (t->view && t->view->contains(view->id())))
        return;
    Cluster& cluster = cluster_of(t);
    std::uint64_t a = t->view ? t->view->id() : 0;
    for (const Cluster::Join& join : cluster.joins) {
        if (join.result && join.a == a && join.b == view->id()) {
            t->view = join.result;
            return;
        }
    }
    ViewRef result = join_views(cluster.space, t->view, view);
    cluster.joins[cluster.next_join++ % 8] = {a, view->id(), result};
    t->view = result;
}

void miss_view(Thread* t, MissedView missed) {
    if (!missed.view)
        return;
    for (const MissedView& m : t->missed) {
        if (m.view && m.view->id() == missed.view->id() && m.acquire == missed.acquire)
            return;
    }
    t->missed[t->missed_next++ % kMissedViews] = std::move(missed);
}

std::uint64_t strong_atomic(Thread* t, int op, int type, int order, int scope, void* p,
                            std::uint64_t value, std::uint64_t compare, const void* caller) {
    std::size_t bytes = atomic_bytes(type);
    if (reinterpret_cast<std::uintptr_t>(p) % bytes != 0) {
        fail(t, caller, "misaligned address", "atomic of %zu bytes at address %p", bytes, p);
    }
    worker_of(t).maybe_yield(t, false);
    AccessFlags flags;
    flags.strong = true;
    flags.what = "atomic";
    Place place = check_access(t, p, bytes, flags, caller);
    flags.write = true;
    check_access(t, p, bytes, flags, caller);
    bool checks = t->block->checks;
    if (checks) {
        with_sync(t, p, place, releases(t, order),
                  [&](SyncVar& var) { before_write(t, var, order, scope, true); });
    }
    std::uint64_t old = atomic_apply(op, type, p, value, compare);
    if (checks) {
        with_sync(t, p, place, false, [&](SyncVar& var) { after_read(t, var, order, scope); });
    }
    // One that leaves the value as it was may be a loop's way to read it.
    if (atomic_load(p, bytes) == old) {
        note_value(t, p, old, place, caller);
    } else {
        worker_of(t).note_progress();
        t->poll_count = 0;
    }
    return old;
}

void strong_load(Thread* t, void* to, const void* p, std::size_t bytes, int order, int scope,
                 const void* caller) {
    std::size_t align = bytes > 16 ? 16 : bytes;
    if (reinterpret_cast<std::uintptr_t>(p) % align != 0) {
        fail(t, caller, "misaligned address", "load of %zu bytes at address %p", bytes, p);
    }
    AccessFlags flags;
    flags.strong = true;
    flags.what = "strong load";
    Place place = check_access(t, p, bytes, flags, caller);
    std::uint64_t first = 0;
    if (bytes <= 8) {
        first = atomic_load(p, bytes);
        std::memcpy(to, &first, bytes);
    } else {
        std::memcpy(to, p, bytes);
        std::memcpy(&first, to, 8);
    }
    if (t->block->checks && place != Place::Own) {
        with_sync(t, p, place, false, [&](SyncVar& var) { after_read(t, var, order, scope); });
    }
    note_value(t, p, first, place, caller);
}

void strong_store(Thread* t, void* p, const void* from, std::size_t bytes, int order, int scope,
                  const void* caller) {
    std::size_t align = bytes > 16 ? 16 : bytes;
    if (reinterpret_cast<std::uintptr_t>(p) % align != 0) {
        fail(t, caller, "misaligned address", "store of %zu bytes at address %p", bytes, p);
    }
    worker_of(t).maybe_yield(t);
    AccessFlags flags;
    flags.strong = true;
    flags.write = true;
    flags.what = "strong store";
    Place place = check_access(t, p, bytes, flags, caller);
    if (t->block->checks && place != Place::Own) {
        with_sync(t, p, place, releases(t, order),
                  [&](SyncVar& var) { before_write(t, var, order, scope, false); });
    }
    if (bytes <= 8) {
        std::uint64_t value = 0;
        std::memcpy(&value, from, bytes);
        atomic_store(p, bytes, value);
    } else {
        std::memcpy(p, from, bytes);
    }
    worker_of(t).note_progress();
}

void strong_fence(Thread* t, int order, int scope) {
    worker_of(t).maybe_yield(t);
    if (!t->block->checks)
        return;
    std::uint32_t space = t->block->cluster->space;
    if (t->has_fence_acquire && (order & DI_SIM_ACQUIRE) != 0) {
        for (int s = 0; s <= scope; ++s) {
            if (t->fence_acquire[s])
                acquire_view(t, t->fence_acquire[s]);
        }
    }
    if ((order & DI_SIM_RELEASE) != 0) {
        ViewRef view = release_view(t);
        t->fence_release[scope] = join_views(space, t->fence_release[scope], view);
        t->has_fence_release = true;
    }
}

void volatile_access(const void* p, std::size_t bytes, bool write, const void* caller) {
    Thread* t = current_thread();
    if (t == nullptr)
        return;
    AccessFlags flags;
    flags.strong = true;
    flags.write = write;
    flags.what = write ? "volatile store" : "volatile load";
    Place place = check_access(t, p, bytes, flags, caller);
    if (place == Place::Own)
        return;
    bool checks = t->block->checks;
    if (checks) {
        with_sync(t, p, place, write && t->has_fence_release, [&](SyncVar& var) {
            if (write) {
                before_write(t, var, DI_SIM_RELAXED, DI_SIM_SYS, false);
            } else {
                after_read(t, var, DI_SIM_RELAXED, DI_SIM_SYS);
            }
        });
    }
    if (write) {
        worker_of(t).note_progress();
        worker_of(t).maybe_yield(t);
    } else if (bytes <= 8) {
        note_value(t, p, atomic_load(p, bytes), place, caller);
    }
}

} // namespace cudasim
