// SPDX-License-Identifier: MIT
// cp.async: copies of 4, 8 or 16 bytes from global to shared memory through the generic proxy.
#include <cstring>
#include <vector>

#include "async/mbarrier.h"
#include "core/report.h"
#include "core/window.h"
#include "core/worker.h"
#include "memory/access.h"

namespace cudasim {
namespace {

struct Piece {
    std::uint8_t* to;
    const std::uint8_t* from;
    std::uint8_t bytes, source_bytes;
};

// The copies between two commits; they happen together, at a moment the policy picks.
class CopyGroup final : public AsyncOp {
  public:
    explicit CopyGroup(Thread* t) {
        owner = t;
        kind = AgentKind::CpAsync;
        group = t->cp_async_stamp;
        writes_shared = t->block;
    }
    void add(const Piece& piece) { pieces_.push_back(piece); }
    void run() override {
        for (const Piece& p : pieces_) {
            std::memcpy(p.to, p.from, p.source_bytes);
            std::memset(p.to + p.source_bytes, 0, p.bytes - p.source_bytes);
        }
    }

  private:
    std::vector<Piece> pieces_;
};

// The arrival that follows a thread's earlier copies.
class ArriveAfter final : public AsyncOp {
  public:
    ArriveAfter(Thread* t, Mbarrier& bar, std::uint32_t stamp) : bar_(bar), stamp_(stamp) {
        owner = t;
        kind = AgentKind::CpAsync;
        group = stamp + 1;
        writes_shared = t->block;
    }
    void run() override {
        Cluster& cluster = cluster_of(owner);
        cluster.worker->force(owner, AgentKind::CpAsync, stamp_);
        ViewBuilder done(cluster.space);
        if (owner->cp_async_slot != 0)
            done.add_clock(owner->cp_async_slot, stamp_, 0);
        mbarrier_async_arrive(owner, bar_, done.freeze());
    }

  private:
    Mbarrier& bar_;
    std::uint32_t stamp_;
};

// Ends the set of copies that carry the current stamp.
void close(Thread* t) {
    if (t->cp_async_open)
        worker_of(t).issue(cluster_of(t), std::move(t->cp_async_open));
    ++t->cp_async_stamp;
}

} // namespace
} // namespace cudasim

using namespace cudasim;

#define EXPORT extern "C" __attribute__((visibility("default")))
#define CALLER __builtin_return_address(0)

EXPORT void di_sim_cp_async(unsigned destination, const void* source, unsigned bytes,
                            unsigned source_bytes) {
    Thread* t = current_thread();
    if (bytes != 4 && bytes != 8 && bytes != 16) {
        fail(t, CALLER, "invalid argument", "cp.async of %u bytes", bytes);
    }
    if (source_bytes > bytes)
        source_bytes = bytes;
    if (reinterpret_cast<std::uintptr_t>(source) % bytes != 0) {
        fail(t, CALLER, "misaligned address", "cp.async of %u bytes from %p", bytes, source);
    }
    std::uint8_t* to = own_shared_pointer(t, destination, bytes, bytes, "cp.async", CALLER);
    Cluster& cluster = cluster_of(t);
    if (t->cp_async_slot == 0)
        t->cp_async_slot = cluster.add_agent(AgentKind::CpAsync, t, 0);
    Epoch epoch = make_epoch(cluster.space, t->cp_async_slot, t->cp_async_stamp, false);
    AccessFlags read;
    read.what = "cp.async";
    if (source_bytes != 0)
        check_access_as(t, epoch, source, source_bytes, read, CALLER);
    AccessFlags write = read;
    write.write = true;
    check_access_as(t, epoch, to, bytes, write, CALLER);
    std::memset(to, 0xff, bytes);
    if (!t->cp_async_open)
        t->cp_async_open = std::make_unique<CopyGroup>(t);
    static_cast<CopyGroup*>(t->cp_async_open.get())
        ->add({to, static_cast<const std::uint8_t*>(source), static_cast<std::uint8_t>(bytes),
               static_cast<std::uint8_t>(source_bytes)});
}

EXPORT void di_sim_cp_async_commit() {
    Thread* t = current_thread();
    std::uint32_t stamp = t->cp_async_stamp;
    close(t);
    t->cp_async_groups.push_back(stamp);
}

EXPORT void di_sim_cp_async_wait(unsigned pending) {
    Thread* t = current_thread();
    Worker& worker = worker_of(t);
    worker.maybe_yield(t);
    if (t->cp_async_groups.size() <= pending)
        return;
    std::uint32_t stamp = t->cp_async_groups[t->cp_async_groups.size() - 1 - pending];
    worker.force(t, AgentKind::CpAsync, stamp);
    if (t->cp_async_slot == 0 || (t->view && t->view->seen(t->cp_async_slot) >= stamp))
        return;
    ViewBuilder done(cluster_of(t).space);
    done.add(t->view.get());
    done.add_clock(t->cp_async_slot, stamp, 0);
    t->view = done.freeze();
}

EXPORT void di_sim_cp_async_mbarrier_arrive(unsigned address, int no_increment) {
    Thread* t = current_thread();
    require_own_block(t, address, "cp.async.mbarrier.arrive", CALLER);
    Mbarrier& bar = find_mbarrier(t, address, "cp.async.mbarrier.arrive", CALLER);
    std::uint32_t stamp = t->cp_async_stamp;
    close(t);
    if (no_increment == 0)
        ++bar.pending;
    ++t->cp_async_stamp; // the arrival has a stamp of its own
    worker_of(t).issue(cluster_of(t), std::make_unique<ArriveAfter>(t, bar, stamp));
    worker_of(t).maybe_yield(t);
}
