// SPDX-License-Identifier: MIT
#include "async/bulk.h"

#include <cstring>
#include <vector>

#include "core/report.h"
#include "core/window.h"
#include "core/worker.h"
#include "memory/access.h"
#include "memory/atomic_math.h"
#include "memory/strong.h"
#include "memory/write_trace.h"

namespace cudasim {

void check_block_exit(Thread* t) {
    for (const auto& entry : t->block->mbarriers) {
        const Mbarrier& bar = *entry.second;
        if (bar.pending == bar.expected && bar.tx == 0)
            continue;
        fail(t, nullptr, "unfinished mbarrier phase",
             "the block exits while phase %u of the mbarrier at shared address 0x%x has %u of %u "
             "arrivals and %lld bytes"
             " pending: somebody arrived too often or too rarely",
             bar.phase, mbarrier_address(bar), bar.expected - bar.pending, bar.expected,
             static_cast<long long>(bar.tx));
    }
    check_sent_copies(t);
    for (const auto& op : cluster_of(t).pending) {
        bool source = op->reads_shared && op->owner != nullptr && op->owner->block == t->block;
        if (source || op->writes_shared == t->block) {
            fail(t, nullptr, "exit with copies in flight",
                 "the block exits while an asynchronous operation still %s its shared memory",
                 source ? "reads" : "writes");
        }
    }
}

void check_thread_exit(Thread* t) {
    if (t->block->checks && t->bulk_last != 0 &&
        (!t->view || t->view->seen(t->bulk_read_slot) < t->bulk_last)) {
        fail(t, nullptr, "exit with copies in flight",
             "the thread exits without waiting until its bulk stores have read shared memory");
    }
}

Mbarrier& copy_barrier(Thread* t, std::uint32_t address, const char* what, const void* caller) {
    Mbarrier& bar = find_mbarrier(t, address, what, caller);
    if (!bar.fenced && t->block->checks) {
        fail(t, caller, "missing mbarrier fence",
             "%s: fence.mbarrier_init (or fence.proxy.async) is missing after the initialisation "
             "of the mbarrier at"
             " shared address 0x%x",
             what, address);
    }
    return bar;
}

Epoch BarrierCopy::epoch() const {
    return make_epoch(bar_.block->cluster->space, bar_.slot, phase_ + 1, false);
}

void BarrierCopy::run() {
    copy();
    if (bar_.phase != phase_) {
        fail(issuer_, caller_, "mbarrier transaction count",
             "a copy issued in phase %u of the mbarrier at shared address 0x%x completes in phase "
             "%u: the phase did not"
             " expect its %lld bytes",
             phase_, mbarrier_address(bar_), bar_.phase, static_cast<long long>(bytes_));
    }
    mbarrier_complete(issuer_, bar_, bytes_);
}

namespace {

void ensure_bulk_slots(Thread* t) {
    if (t->bulk_read_slot != 0)
        return;
    t->bulk_read_slot = cluster_of(t).add_agent(AgentKind::Bulk, t, 0);
    t->bulk_write_slot = cluster_of(t).add_agent(AgentKind::Bulk, t, 0);
}

void check_size(Thread* t, const void* a, unsigned bytes, const char* what, const void* caller) {
    if (bytes == 0 || bytes % 16 != 0 || reinterpret_cast<std::uintptr_t>(a) % 16 != 0) {
        fail(t, caller, "misaligned address",
             "%s of %u bytes with global address %p: both must be multiples of 16", what, bytes, a);
    }
}

class CopyToShared final : public BarrierCopy {
  public:
    CopyToShared(Thread* t, Mbarrier& bar, std::uint8_t* to, const std::uint8_t* from,
                 unsigned bytes, const void* caller)
        : BarrierCopy(t, bar, bytes, caller), to_(to), from_(from), bytes_(bytes) {}

  protected:
    void copy() override { std::memcpy(to_, from_, bytes_); }

  private:
    std::uint8_t* to_;
    const std::uint8_t* from_;
    unsigned bytes_;
};

// Shared to global, plain or combined element by element.
class CopyToGlobal final : public AsyncOp {
  public:
    CopyToGlobal(Thread* t, std::uint8_t* to, const std::uint8_t* from, unsigned bytes, int op,
                 int type)
        : to_(to), from_(from), bytes_(bytes), op_(op), type_(type) {
        owner = t;
        kind = AgentKind::Bulk;
        group = t->bulk_group;
        reads_shared = true;
    }
    void capture() override {
        if (!reads_shared)
            return;
        data_.assign(from_, from_ + bytes_);
        reads_shared = false;
    }
    void run() override {
        capture();
        if (op_ < 0) {
            std::memcpy(to_, data_.data(), bytes_);
            return;
        }
        std::size_t size = atomic_bytes(type_);
        for (unsigned i = 0; i < bytes_; i += size) {
            std::uint64_t value = 0;
            std::memcpy(&value, data_.data() + i, size);
            atomic_apply(op_, type_, to_ + i, value, 0);
        }
    }

  private:
    std::uint8_t* to_;
    const std::uint8_t* from_;
    unsigned bytes_;
    int op_, type_;
    std::vector<std::uint8_t> data_;
};

void shared_to_global(Thread* t, void* to, std::uint32_t source, unsigned bytes, int op, int type,
                      const void* caller) {
    const char* what = op < 0 ? "cp.async.bulk store" : "cp.reduce.async.bulk";
    check_size(t, to, bytes, what, caller);
    std::uint8_t* from = own_shared_pointer(t, source, bytes, 16, what, caller);
    AccessFlags read;
    read.async = true;
    read.what = what;
    check_access_as(t, bulk_read_epoch(t), from, bytes, read, caller);
    AccessFlags write = read;
    write.write = true;
    // Reductions of other copies and atomics may meet here; a plain store may not.
    write.strong = op >= 0;
    check_access_as(t, bulk_write_epoch(t) | (op >= 0 ? 1 : 0), to, bytes, write, caller);
    if (t->block->trace)
        WriteTrace::instance().copy(t, to, from, bytes, what, caller);
    worker_of(t).issue(
        cluster_of(t),
        std::make_unique<CopyToGlobal>(t, static_cast<std::uint8_t*>(to), from, bytes, op, type));
    worker_of(t).maybe_yield(t);
}

} // namespace

Epoch bulk_read_epoch(Thread* t) {
    ensure_bulk_slots(t);
    t->bulk_last = t->bulk_group;
    return make_epoch(cluster_of(t).space, t->bulk_read_slot, t->bulk_group, false);
}

Epoch bulk_write_epoch(Thread* t) {
    ensure_bulk_slots(t);
    return make_epoch(cluster_of(t).space, t->bulk_write_slot, t->bulk_group, false);
}

bool reduces_in_global(int op, int type) {
    const bool half = type == DI_SIM_F16 || type == DI_SIM_BF16;
    const bool word = type == DI_SIM_U32 || type == DI_SIM_S32;
    const bool wide = type == DI_SIM_U64 || type == DI_SIM_S64;
    switch (op) {
    case DI_SIM_ADD:
        return half || word || type == DI_SIM_U64 || type == DI_SIM_F32 || type == DI_SIM_F64;
    case DI_SIM_MIN:
    case DI_SIM_MAX:
        return half || word || wide;
    case DI_SIM_INC:
    case DI_SIM_DEC:
        return type == DI_SIM_U32;
    case DI_SIM_AND:
    case DI_SIM_OR:
    case DI_SIM_XOR:
        return word || wide;
    default:
        return false;
    }
}

// What the thread has done and seen becomes visible to the async proxy; what it does from now on
// does not.
void fence_proxy(Thread* t) {
    if (!t->block->checks)
        return;
    Cluster& cluster = cluster_of(t);
    if (t->view) {
        constexpr std::uint64_t kFenced = ~std::uint64_t{0};
        std::uint64_t id = t->view->id();
        bool found = false;
        for (const Cluster::Join& join : cluster.joins) {
            if (join.result && join.a == id && join.b == kFenced) {
                t->view = join.result;
                found = true;
                break;
            }
        }
        if (!found) {
            ViewBuilder builder(cluster.space);
            builder.add(t->view.get());
            builder.fence_all();
            t->view = builder.freeze();
            cluster.joins[cluster.next_join++ % 8] = {id, kFenced, t->view};
        }
    }
    t->fenced = t->clock;
    advance_clock(t);
}

} // namespace cudasim

using namespace cudasim;

#define EXPORT extern "C" __attribute__((visibility("default")))
#define CALLER __builtin_return_address(0)

EXPORT void di_sim_bulk_g2s(unsigned destination, const void* source, unsigned bytes,
                            unsigned barrier, unsigned short mask, int multicast) {
    Thread* t = current_thread();
    const char* what = "cp.async.bulk load";
    check_size(t, source, bytes, what, CALLER);
    unsigned ranks = multicast != 0 ? mask : 1u << (destination >> kRankShift & 15);
    if (ranks == 0)
        fail(t, CALLER, "invalid argument", "%s with an empty multicast mask", what);
    for (; ranks != 0; ranks &= ranks - 1) {
        auto rank = static_cast<unsigned>(__builtin_ctz(ranks));
        std::uint8_t* to = shared_pointer(t, at_rank(destination, rank), bytes, 16, what, CALLER);
        if (multicast == 0)
            require_barrier_beside(t, destination, barrier, what, CALLER);
        Mbarrier& bar =
            copy_barrier(t, multicast != 0 ? at_rank(barrier, rank) : barrier, what, CALLER);
        auto op = std::make_unique<CopyToShared>(
            t, bar, to, static_cast<const std::uint8_t*>(source), bytes, CALLER);
        AccessFlags read;
        read.async = true;
        read.what = what;
        check_access_as(t, op->epoch(), source, bytes, read, CALLER);
        AccessFlags write = read;
        write.write = true;
        check_access_as(t, op->epoch(), to, bytes, write, CALLER);
        std::memset(to, 0xff, bytes);
        worker_of(t).issue(cluster_of(t), std::move(op));
    }
    worker_of(t).maybe_yield(t);
}

EXPORT void di_sim_bulk_s2g(void* destination, unsigned source, unsigned bytes) {
    shared_to_global(current_thread(), destination, source, bytes, -1, 0, CALLER);
}

EXPORT void di_sim_bulk_reduce_s2g(void* destination, unsigned source, unsigned bytes, int op,
                                   int type) {
    Thread* t = current_thread();
    if (!reduces_in_global(op, type)) {
        fail(t, CALLER, "invalid argument",
             "cp.reduce.async.bulk into global memory has no operation %d on elements of type %d",
             op, type);
    }
    shared_to_global(t, destination, source, bytes, op, type, CALLER);
}

EXPORT void di_sim_bulk_prefetch(const void* source, unsigned bytes) {
    Thread* t = current_thread();
    AccessFlags read;
    read.what = "cp.async.bulk.prefetch";
    check_size(t, source, bytes, read.what, CALLER);
    check_bounds(t, source, bytes, read, CALLER);
}

EXPORT void di_sim_bulk_commit() { ++current_thread()->bulk_group; }

EXPORT void di_sim_bulk_wait(unsigned pending, int read_only) {
    Thread* t = current_thread();
    Worker& worker = worker_of(t);
    worker.maybe_yield(t);
    std::uint32_t open = t->bulk_group;
    if (open <= pending + 1)
        return; // no group is guaranteed
    std::uint32_t group = open - 1 - pending;
    if (read_only != 0) {
        for (auto& op : cluster_of(t).pending) {
            if (op->owner == t && op->kind == AgentKind::Bulk && op->group <= group)
                op->capture();
        }
    } else {
        worker.force(t, AgentKind::Bulk, group);
    }
    if (t->bulk_read_slot == 0 || !t->block->checks)
        return;
    ViewBuilder done(cluster_of(t).space);
    done.add(t->view.get());
    done.add_clock(t->bulk_read_slot, group, group);
    if (read_only == 0)
        done.add_clock(t->bulk_write_slot, group, group);
    t->view = done.freeze();
}

EXPORT void di_sim_fence_proxy_async(int) {
    Thread* t = current_thread();
    worker_of(t).maybe_yield(t);
    fence_proxy(t);
    di_sim_fence_mbarrier_init();
}
