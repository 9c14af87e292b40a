// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstring>
#include <limits>

#include "core/report.h"
#include "core/warp.h"
#include "core/worker.h"
#include "tensor/fragments.h"
#include "tensor/operands.h"
#include "tensor/warpgroup.h"

namespace cudasim {

namespace {

constexpr float kPoison = std::numeric_limits<float>::quiet_NaN();

WarpgroupState& group_of(Thread* t, const char* what, const void* caller) {
    auto& groups = t->block->warpgroups;
    unsigned index = t->index / kWarpgroup;
    if (index >= groups.size())
        fail(t, caller, "invalid argument", "%s in a block without a whole warpgroup here", what);
    return *groups[index];
}

unsigned in_group(const Thread* t) { return t->index % kWarpgroup; }

class RunWgmma final : public AsyncOp {
  public:
    explicit RunWgmma(WarpgroupState& g) : group_(g) { kind = AgentKind::Wgmma; }
    void run() override {
        if (!group_.queue.empty())
            execute_wgmma(group_);
    }

  private:
    WarpgroupState& group_;
};

// The accumulator of an operation that all threads have deposited: one in flight, or a new one.
std::size_t find_accumulator(WarpgroupState& g, const WgmmaOp& op) {
    std::size_t index = 0;
    for (; index < g.accumulators.size(); ++index) {
        const Accumulator& acc = g.accumulators[index];
        if (!acc.live || acc.d[0] != op.d[0] || acc.has_result[0])
            continue;
        if (acc.n != op.shape.n || !std::equal(op.d, op.d + kWarpgroup, acc.d))
            fail(g.first_thread(), op.caller, "invalid argument",
                 "wgmma accumulates into registers that another shape in flight uses");
        return index;
    }
    for (index = 0; index < g.accumulators.size() && g.accumulators[index].live;)
        ++index;
    if (index == g.accumulators.size())
        g.accumulators.emplace_back();
    Accumulator& acc = g.accumulators[index];
    acc.live = true;
    acc.delivering = false;
    acc.delivered = 0;
    acc.n = op.shape.n;
    acc.tile.resize(64u * static_cast<unsigned>(op.shape.n));
    std::copy(op.d, op.d + kWarpgroup, acc.d);
    std::fill(acc.has_result, acc.has_result + kWarpgroup, false);
    return index;
}

// All threads have deposited the front operation.
void close_front(WarpgroupState& g) {
    std::unique_ptr<WgmmaOp> op = std::move(g.open.front());
    g.open.pop_front();
    ++g.closed;
    if (op->captured != 0 && op->captured != kWarpgroup)
        fail(g.first_thread(), op->caller, "divergent wgmma",
             "the registers of %u of 128 threads are still in flight, the others' are not",
             kWarpgroup - op->captured);
    op->accumulator = find_accumulator(g, *op);
    g.accumulators[op->accumulator].last_group = op->group;
    prepare_wgmma(g, *op);
    g.queue.push_back(std::move(op));
    Cluster& cluster = *g.block->cluster;
    cluster.worker->issue(cluster, std::make_unique<RunWgmma>(g));
    for (Thread* w : g.waiting)
        cluster.worker->wake(w);
    g.waiting.clear();
}

void open_operation(WarpgroupState& g, const WgmmaShape& shape, std::uint32_t group,
                    const void* caller) {
    if (g.spare.empty()) {
        g.open.push_back(std::make_unique<WgmmaOp>());
    } else {
        g.open.push_back(std::move(g.spare.back()));
        g.spare.pop_back();
    }
    WgmmaOp& op = *g.open.back();
    op.shape = shape;
    op.group = group;
    op.caller = caller;
    op.deposited = op.captured = 0;
    std::fill(op.d, op.d + kWarpgroup, nullptr);
    op.views.clear();
    op.chunks_a.clear();
    op.chunks_b.clear();
    if (shape.a_in_registers)
        op.a.resize(kWarpgroup * 4);
}

// The registers' values, which are poison from now on.
void capture(WgmmaOp& op, unsigned i, float* d) {
    auto count = static_cast<unsigned>(op.shape.n) / 2;
    if (op.captured++ == 0)
        op.initial.resize(kWarpgroup * count);
    std::copy(d, d + count, op.initial.data() + i * count);
    std::fill(d, d + count, kPoison);
}

void add_view(WgmmaOp& op, const ViewRef& view) {
    for (auto known = op.views.rbegin(); known != op.views.rend(); ++known)
        if (known->get() == view.get())
            return;
    op.views.push_back(view);
}

// Every access to the registers has a wgmma.fence behind it, but for accumulators in flight.
void check_fence(Thread* t, const float* d, unsigned count, const unsigned* a, const void* caller) {
    if (!t->watch)
        fail(t, caller, "missing wgmma.fence", "wgmma before the first wgmma.fence");
    std::size_t index = 0;
    if (!t->watch->in_flight(d) && t->watch->touched(t, d, count * sizeof(float), &index)) {
        fail(t, caller, "missing wgmma.fence",
             "register %zu of the accumulator was accessed after the last wgmma.fence", index);
    }
    if (a != nullptr && t->watch->touched(t, a, 16, &index)) {
        fail(t, caller, "missing wgmma.fence",
             "register %zu of A's fragment was accessed after the last wgmma.fence", index);
    }
}

void deposit(Thread* t, const WgmmaShape& shape, float* d, const unsigned* a, const void* caller) {
    WarpgroupState& g = group_of(t, "wgmma", caller);
    unsigned i = in_group(t);
    check_fence(t, d, static_cast<unsigned>(shape.n) / 2, a, caller);
    std::uint64_t number = g.deposits[i]++;
    auto at = static_cast<std::size_t>(number - g.closed);
    std::uint32_t group = g.committed[i] + 1;
    if (at == g.open.size())
        open_operation(g, shape, group, caller);
    WgmmaOp& op = *g.open[at];
    if (!(op.shape == shape) || op.group != group)
        fail(t, caller, "divergent wgmma",
             "this thread's wgmma differs from the other threads' (shape, descriptors or group)");
    if (!t->watch->in_flight(d))
        capture(op, i, d);
    op.d[i] = d;
    t->watch->use(d, static_cast<unsigned>(shape.n) / 2 * sizeof(float), true, group, caller);
    if (a != nullptr) {
        std::memcpy(&op.a[i * 4], a, 16);
        t->watch->use(a, 16, false, group, caller);
    }
    if (t->block->checks)
        add_view(op, t->view);
    ++g.uncommitted[i];
    if (++op.deposited == kWarpgroup) {
        if (&op != g.open.front().get())
            fail(t, caller, "divergent wgmma", "operations complete out of order");
        close_front(g);
    }
}

// Results of operations up to a group go to the registers of thread t.
void deliver(WarpgroupState& g, Thread* t, std::uint32_t group) {
    unsigned i = in_group(t);
    for (Accumulator& acc : g.accumulators) {
        if (!acc.live || acc.has_result[i] || acc.last_group > group)
            continue;
        // A later operation that other threads have not deposited yet still owns the registers.
        bool open = false;
        if (g.deposits[i] > g.closed)
            for (const auto& op : g.open)
                open = open || op->d[i] == acc.d[i];
        if (open)
            continue;
        if (!acc.delivering) {
            acc.registers.resize(acc.tile.size());
            tile_to_registers(acc.tile.data(), acc.n, acc.registers.data());
            acc.delivering = true;
        }
        auto count = static_cast<unsigned>(acc.n) / 2;
        std::memcpy(acc.d[i], acc.registers.data() + i * count, count * sizeof(float));
        acc.has_result[i] = true;
        if (++acc.delivered == kWarpgroup)
            acc.live = false;
    }
}

} // namespace

void check_wgmma_exit(Thread* t) {
    unsigned index = t->index / kWarpgroup;
    if (index >= t->block->warpgroups.size())
        return;
    const WarpgroupState& g = *t->block->warpgroups[index];
    unsigned i = in_group(t);
    for (const Accumulator& acc : g.accumulators)
        if (acc.live && !acc.has_result[i])
            fail(t, nullptr, "exit with wgmma in flight",
                 "the thread exits without wgmma.wait_group for its wgmma");
    for (const auto& op : g.open)
        if (op->d[i] != nullptr)
            fail(t, nullptr, "exit with wgmma in flight",
                 "the thread exits while the rest of its warpgroup has not issued the wgmma");
}

} // namespace cudasim

using namespace cudasim;

#define EXPORT extern "C" __attribute__((visibility("default")))
#define CALLER __builtin_return_address(0)

EXPORT void di_sim_wgmma(int n, int k, int type_a, int type_b, int type_d, void* d,
                         const unsigned* a, di_sim_u64 desc_a, di_sim_u64 desc_b, int scale_d,
                         int scale_a, int scale_b, int transpose_a, int transpose_b) {
    Thread* t = current_thread();
    int bytes = element_bytes(type_a);
    if (type_d != DI_SIM_F32 || bytes != element_bytes(type_b) || k * bytes != 32 || n % 8 != 0 ||
        n < 8 || n > 256)
        fail(t, CALLER, "not modelled", "wgmma m64n%dk%d of types %d and %d into %d", n, k, type_a,
             type_b, type_d);
    if ((transpose_a != 0 || transpose_b != 0) && bytes != 2)
        fail(t, CALLER, "invalid argument", "wgmma: only 16-bit types may be MN-major");
    WgmmaShape shape{n,       k,       type_a,  type_b,      desc_a,     desc_b, a != nullptr,
                     scale_d, scale_a, scale_b, transpose_a, transpose_b};
    deposit(t, shape, static_cast<float*>(d), a, CALLER);
}

EXPORT void di_sim_wgmma_fence() {
    Thread* t = current_thread();
    converge(t, kWgmmaFence, "wgmma.fence", CALLER);
    group_of(t, "wgmma.fence", CALLER);
    if (!t->watch)
        t->watch.reset(RegisterWatch::take());
    t->watch->fence();
}

EXPORT void di_sim_wgmma_commit() {
    Thread* t = current_thread();
    converge(t, kWgmmaCommit, "wgmma.commit_group", CALLER);
    WarpgroupState& g = group_of(t, "wgmma.commit_group", CALLER);
    ++g.committed[in_group(t)];
    g.uncommitted[in_group(t)] = 0;
}

EXPORT void di_sim_wgmma_wait(unsigned pending) {
    Thread* t = current_thread();
    converge(t, kWgmmaWait, "wgmma.wait_group", CALLER);
    WarpgroupState& g = group_of(t, "wgmma.wait_group", CALLER);
    unsigned i = in_group(t);
    if (g.committed[i] <= pending)
        return;
    std::uint32_t group = g.committed[i] - pending;
    while (!g.open.empty() && g.open.front()->group <= group) {
        g.waiting.push_back(t);
        Wait wait;
        wait.kind = WaitKind::Warpgroup;
        wait.what = "the other warps of the warpgroup to issue their wgmma";
        wait.caller = CALLER;
        worker_of(t).block_current(t, wait);
    }
    while (!g.queue.empty() && g.queue.front()->group <= group)
        execute_wgmma(g);
    deliver(g, t, group);
    if (t->watch)
        t->watch->release(group);
    if (!t->block->checks || (t->view && t->view->seen(g.slot) >= group))
        return;
    // One view for all threads that come from the same one.
    Cluster& cluster = cluster_of(t);
    std::uint64_t key = ~((std::uint64_t{g.slot} << 32) | group);
    std::uint64_t id = t->view ? t->view->id() : 0;
    for (const Cluster::Join& join : cluster.joins) {
        if (join.result && join.a == id && join.b == key) {
            t->view = join.result;
            return;
        }
    }
    ViewBuilder done(cluster.space);
    done.add(t->view.get());
    done.add_clock(g.slot, group, group);
    t->view = done.freeze();
    cluster.joins[cluster.next_join++ % 8] = {id, key, t->view};
}
