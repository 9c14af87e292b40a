// SPDX-License-Identifier: MIT
#include "memory/strong.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <vector>

#include "core/launch.h"
#include "core/report.h"
#include "core/worker.h"
#include "memory/access.h"
#include "memory/atomic_math.h"
#include "memory/sync.h"

namespace cudasim {

namespace {

constexpr unsigned kShards = 64;
struct Shard {
    std::mutex mutex;
    SyncTable table;
};
Shard* shards() {
    static auto* all = new Shard[kShards];
    return all;
}
std::atomic<std::size_t> words_in_shards{0};

// The strong accesses of one instruction to the (at most 16, aligned) bytes at p as one step: their
// values and what they release and acquire. Other host threads use global memory at the same time.
class Step {
  public:
    Step(Thread* t, const void* p, Place place)
        : table_(place == Place::Shared ? &cluster_of(t).shared_sync : nullptr) {
        if (table_ != nullptr || !t->block->checks || place == Place::Own)
            return;
        Shard& shard = shards()[(reinterpret_cast<std::uint64_t>(p) >> 4) % kShards];
        lock_ = std::unique_lock<std::mutex>(shard.mutex);
        table_ = &shard.table;
        before_ = table_->size();
    }
    ~Step() {
        if (lock_.owns_lock() && table_->size() != before_)
            words_in_shards += table_->size() - before_;
    }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

    SyncTable* table() { return table_; } // null where nothing is checked

  private:
    SyncTable* table_;
    std::unique_lock<std::mutex> lock_;
    std::size_t before_ = 0;
};

Where where_of(const Thread* t) {
    const Cluster& cluster = *t->block->cluster;
    return {cluster.space, t->slot, static_cast<std::uint16_t>(t->block->rank),
            static_cast<std::uint16_t>(cluster.launch->config.device)};
}

// Calls f(address, bytes) for every aligned word of 8 bytes that an access has a part in.
template <typename F> void each_word(const void* p, std::size_t bytes, F f) {
    auto address = reinterpret_cast<std::uint64_t>(p);
    for (std::size_t done = 0, n; done < bytes; done += n) {
        n = std::min(bytes - done, 8 - (address + done) % 8);
        f(address + done, n);
    }
}

// What a write of t releases, by its own order and by fences before it.
std::vector<Release> releases_of(Thread* t, int order, int scope) {
    std::vector<Release> all;
    if (!t->block->checks)
        return all;
    if ((order & DI_SIM_RELEASE) != 0)
        all.push_back({scope, release_view(t)});
    for (int s = 0; t->has_fence_release && s < kScopes; ++s) {
        if (t->fence_release[s])
            all.push_back({s, t->fence_release[s]});
    }
    return all;
}

// The places of the last strong accesses of all threads, for reports; whoever comes later may take
// an entry.
struct StrongPlace {
    std::atomic<std::uint64_t> key{0};
    std::atomic<const void*> caller{nullptr};
};
constexpr std::size_t kStrongPlaces = 1u << 13;
StrongPlace strong_places[kStrongPlaces];

std::uint64_t place_key(Epoch e, std::uint64_t address) {
    return (e ^ address << 17) * 0x9e3779b97f4a7c15ull | 1;
}
StrongPlace& entry_of(std::uint64_t key) { return strong_places[key >> 40 & (kStrongPlaces - 1)]; }

Place check_strong(Thread* t, const void* p, std::size_t bytes, const AccessFlags& flags,
                   const void* caller) {
    if (t->block->checks) {
        const auto key =
            place_key(own_epoch(t, true), reinterpret_cast<std::uint64_t>(p) / bytes * bytes);
        StrongPlace& entry = entry_of(key);
        entry.caller.store(caller, std::memory_order_relaxed);
        entry.key.store(key, std::memory_order_relaxed);
    }
    return check_access(t, p, bytes, flags, caller);
}

AccessFlags strong_flags(const char* what, std::size_t bytes, int scope) {
    AccessFlags flags;
    flags.strong = true;
    flags.what = what;
    flags.scope = scope;
    flags.element = bytes <= 8 ? bytes : 0; // of longer ones it is not known
    return flags;
}

// Of packed types each half is an access of its own.
std::size_t element_bytes(int type) {
    return type == DI_SIM_F16X2 || type == DI_SIM_BF16X2 ? 2 : atomic_bytes(type);
}

std::uint64_t low_bytes(std::size_t bytes) {
    return bytes >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << bytes * 8) - 1;
}

// What a read has come across, to be taken in after the step.
struct Observed {
    ViewRef acquired, by_fence[kScopes];
    std::vector<Unreached> unreached;
};

void observe(const SyncTable& table, const void* p, std::size_t bytes, const Where& by, int order,
             int scope, Observed* observed) {
    each_word(p, bytes, [&](std::uint64_t address, std::size_t n) {
        table.read(address, n, [&](const SyncVar& var) {
            auto join = [&](ViewRef& to, const ViewRef& view) {
                if (view)
                    to = join_views(by.space, to, view);
            };
            if ((order & DI_SIM_ACQUIRE) != 0) {
                join(observed->acquired, var.collect(by, scope, scope, &observed->unreached));
                return;
            }
            for (int s = 0; s < kScopes; ++s)
                join(observed->by_fence[s], var.collect(by, scope, s, nullptr));
            var.collect(by, scope, DI_SIM_SYS, &observed->unreached);
        });
    });
}

void take_in(Thread* t, const void* p, int order, int scope, const Observed& observed) {
    for (const Unreached& u : observed.unreached)
        miss_view(t, {u.view, p, "address", u.release, scope, u.needed});
    if ((order & DI_SIM_ACQUIRE) != 0) {
        acquire_view(t, observed.acquired);
        return;
    }
    // A later fence can still acquire it.
    const Where by = where_of(t);
    for (int s = 0; s < kScopes; ++s) {
        if (!observed.by_fence[s])
            continue;
        t->fence_acquire[s] = join_views(by.space, t->fence_acquire[s], observed.by_fence[s]);
        t->has_fence_acquire = true;
        if (s == 0 || !observed.by_fence[s - 1])
            miss_view(t, {observed.by_fence[s], p, "address", scope, kNotAcquired, s});
    }
}

void observe_volatile(Thread* t, const VolatileRead& read) {
    Observed observed;
    each_word(read.address, read.bytes, [&](std::uint64_t address, std::size_t n) {
        const auto* p = reinterpret_cast<const void*>(address);
        Step step(t, p, read.shared ? Place::Shared : Place::Global);
        observe(*step.table(), p, n, where_of(t), DI_SIM_RELAXED, DI_SIM_SYS, &observed);
    });
    take_in(t, read.address, DI_SIM_RELAXED, DI_SIM_SYS, observed);
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

std::uint64_t strong_atomic(Thread* t, const Atomic& op, void* p, std::uint64_t value,
                            std::uint64_t compare, const void* caller) {
    const std::size_t bytes = atomic_bytes(op.type);
    if (reinterpret_cast<std::uintptr_t>(p) % bytes != 0) {
        fail(t, caller, "misaligned address", "atomic of %zu bytes at address %p", bytes, p);
    }
    worker_of(t).maybe_yield(t, false);
    AccessFlags flags = strong_flags(op.returns ? "atomic" : "reduction", bytes, op.scope);
    flags.element = element_bytes(op.type);
    const Place place = check_strong(t, p, bytes, flags, caller);
    flags.write = true;
    const Where by = where_of(t);
    const std::vector<Release> releases = releases_of(t, op.order, op.scope);
    Observed observed;
    int order = op.order;
    std::uint64_t old = 0;
    bool unchanged = false;
    // A compare-and-swap that fails only reads. Its write must be known before others can see it,
    // and reports cannot be made within a step: so it takes two looks.
    for (bool writes = op.op != DI_SIM_CAS;; writes = true) {
        if (writes)
            check_strong(t, p, bytes, flags, caller);
        Step step(t, p, place);
        if (!writes && atomic_load(p, bytes) == (compare & low_bytes(bytes)))
            continue;
        old = atomic_apply(op.op, op.type, p, value, compare);
        unchanged = atomic_load(p, bytes) == old;
        const bool failed = op.op == DI_SIM_CAS && old != (compare & low_bytes(bytes));
        if (failed)
            order = op.failure_order;
        if (step.table() == nullptr)
            break;
        if (op.returns)
            observe(*step.table(), p, bytes, by, order, op.scope, &observed);
        if (!failed) {
            each_word(p, bytes, [&](std::uint64_t address, std::size_t n) {
                step.table()->write(address, n, by, op.scope, true, releases);
            });
        }
        break;
    }
    if (t->block->checks)
        take_in(t, p, order, op.scope, observed);
    // One that leaves the value as it was may be a loop's way to read it.
    if (unchanged) {
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
    const Place place =
        check_strong(t, p, bytes, strong_flags("strong load", bytes, scope), caller);
    const Where by = where_of(t);
    Observed observed;
    std::uint64_t first = 0;
    const auto* from = static_cast<const std::uint8_t*>(p);
    for (std::size_t done = 0, n; done < bytes; done += n) {
        n = std::min(bytes - done, std::size_t{16});
        Step step(t, from + done, place);
        if (n <= 8) {
            std::uint64_t value = atomic_load(from + done, n);
            std::memcpy(static_cast<std::uint8_t*>(to) + done, &value, n);
        } else {
            std::memcpy(static_cast<std::uint8_t*>(to) + done, from + done, n);
        }
        if (step.table() != nullptr)
            observe(*step.table(), from + done, n, by, order, scope, &observed);
    }
    std::memcpy(&first, to, std::min(bytes, sizeof first));
    if (t->block->checks)
        take_in(t, p, order, scope, observed);
    note_value(t, p, first, place, caller);
}

void strong_store(Thread* t, void* p, const void* from, std::size_t bytes, int order, int scope,
                  const void* caller) {
    std::size_t align = bytes > 16 ? 16 : bytes;
    if (reinterpret_cast<std::uintptr_t>(p) % align != 0) {
        fail(t, caller, "misaligned address", "store of %zu bytes at address %p", bytes, p);
    }
    worker_of(t).maybe_yield(t);
    AccessFlags flags = strong_flags("strong store", bytes, scope);
    flags.write = true;
    const Place place = check_strong(t, p, bytes, flags, caller);
    const Where by = where_of(t);
    const std::vector<Release> releases = releases_of(t, order, scope);
    auto* to = static_cast<std::uint8_t*>(p);
    for (std::size_t done = 0, n; done < bytes; done += n) {
        n = std::min(bytes - done, std::size_t{16});
        Step step(t, to + done, place);
        if (step.table() != nullptr) {
            each_word(to + done, n, [&](std::uint64_t address, std::size_t k) {
                step.table()->write(address, k, by, scope, false, releases);
            });
        }
        if (n <= 8) {
            std::uint64_t value = 0;
            std::memcpy(&value, static_cast<const std::uint8_t*>(from) + done, n);
            atomic_store(to + done, n, value);
        } else {
            std::memcpy(to + done, static_cast<const std::uint8_t*>(from) + done, n);
        }
    }
    worker_of(t).note_progress();
}

void strong_fence(Thread* t, int order, int scope) {
    worker_of(t).maybe_yield(t);
    if (!t->block->checks)
        return;
    if ((order & DI_SIM_ACQUIRE) != 0) {
        for (VolatileRead& read : t->volatile_reads) {
            if (read.bytes != 0)
                observe_volatile(t, read);
            read.bytes = 0;
        }
        if (t->has_fence_acquire)
            acquire_view(t, t->fence_acquire[scope]);
    }
    if ((order & DI_SIM_RELEASE) != 0) {
        // It holds what fences before it released; a wider one reaches further than this.
        t->fence_release[scope] = release_view(t);
        for (int s = 0; s < scope; ++s)
            t->fence_release[s] = ViewRef();
        t->has_fence_release = true;
    }
}

void volatile_access(const void* p, std::size_t bytes, bool write, const void* caller) {
    Thread* t = current_thread();
    if (t == nullptr)
        return;
    AccessFlags flags = strong_flags(write ? "volatile store" : "volatile load", bytes, DI_SIM_SYS);
    flags.write = write;
    const Place place = check_strong(t, p, bytes, flags, caller);
    if (place == Place::Own)
        return;
    if (write) {
        const std::vector<Release> releases = releases_of(t, DI_SIM_RELAXED, DI_SIM_SYS);
        const Where by = where_of(t);
        each_word(p, bytes, [&](std::uint64_t address, std::size_t n) {
            Step step(t, reinterpret_cast<const void*>(address), place);
            if (step.table() != nullptr)
                step.table()->write(address, n, by, DI_SIM_SYS, false, releases);
        });
        worker_of(t).note_progress();
        worker_of(t).maybe_yield(t);
        return;
    }
    // The compiler's load comes after this: what it observes is looked up at the next fence, which
    // is the first that can acquire it.
    t->volatile_reads[t->volatile_next++ % kVolatileReads] = {p, static_cast<std::uint32_t>(bytes),
                                                              place == Place::Shared};
    if (bytes <= 8)
        note_value(t, p, atomic_load(p, bytes), place, caller);
}

const void* strong_place(Epoch e, const void* address) {
    for (std::uint64_t bytes = 1; bytes <= 32; bytes *= 2) {
        const auto key = place_key(e, reinterpret_cast<std::uint64_t>(address) / bytes * bytes);
        const StrongPlace& entry = entry_of(key);
        if (entry.key.load(std::memory_order_relaxed) == key)
            return entry.caller.load(std::memory_order_relaxed);
    }
    return nullptr;
}

void forget_sync(const void* address, std::size_t bytes) {
    if (words_in_shards == 0)
        return;
    for (unsigned i = 0; i < kShards; ++i) {
        Shard& shard = shards()[i];
        std::lock_guard<std::mutex> lock(shard.mutex);
        const std::size_t before = shard.table.size();
        if (before == 0)
            continue;
        shard.table.forget(reinterpret_cast<std::uint64_t>(address), bytes);
        words_in_shards += shard.table.size() - before;
    }
}

} // namespace cudasim
