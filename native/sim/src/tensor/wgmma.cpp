// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/report.h"
#include "core/warp.h"
#include "core/worker.h"
#include "memory/access.h"
#include "memory/strong.h"
#include "tensor/descriptor.h"
#include "tensor/fragments.h"
#include "tensor/multiply.h"
#include "tensor/warp_views.h"
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

// 16 bytes of a descriptor's matrix: bounds, order, contents.
const std::uint8_t* chunk(const WarpgroupState& g, const WgmmaOp& op, std::uint32_t offset) {
    Block& block = *g.block;
    if (offset < kSharedBase || offset + 16 > kSharedBase + block.shared_bytes) {
        fail(&block.threads[g.index * kWarpgroup], op.caller, "shared memory out of bounds",
             "wgmma descriptor reaches shared offset %ld of %u bytes",
             static_cast<long>(offset) - static_cast<long>(kSharedBase), block.shared_bytes);
    }
    return block.shared + offset;
}

template <typename F> void for_each_chunk(const WgmmaOp& op, bool is_b, F f) {
    const WgmmaShape& s = op.shape;
    MatrixDescriptor desc(is_b ? s.desc_b : s.desc_a);
    int rows = is_b ? s.n : 64, bytes = element_bytes(is_b ? s.type_b : s.type_a);
    bool mn = (is_b ? s.transpose_b : s.transpose_a) != 0;
    if (!mn) {
        for (int r = 0; r < rows; ++r)
            for (int c = 0; c < s.k * bytes / 16; ++c)
                f(desc.k_major(static_cast<unsigned>(r), static_cast<unsigned>(c)), r,
                  c * 16 / bytes);
    } else {
        for (int c = 0; c < rows / 8; ++c)
            for (int k = 0; k < s.k; ++k)
                f(desc.mn_major(static_cast<unsigned>(c), static_cast<unsigned>(k)), c * 8, k);
    }
}

// The operation's reads take their place in the order when it is issued.
void check_reads(WarpgroupState& g, const WgmmaOp& op) {
    Thread* first = &g.block->threads[g.index * kWarpgroup];
    SharedViews views(first, kWarpgroup);
    Epoch epoch = make_epoch(g.block->cluster->space, g.slot, op.group, false);
    auto check = [&](std::uint32_t offset, int, int) {
        views.read(first, op.caller, epoch, chunk(g, op, offset), 16, true, "wgmma");
    };
    if (!op.shape.a_in_registers)
        for_each_chunk(op, false, check);
    for_each_chunk(op, true, check);
}

void gather(const WarpgroupState& g, const WgmmaOp& op, bool is_b, float* out, int row_stride,
            int k_stride) {
    int type = is_b ? op.shape.type_b : op.shape.type_a, bytes = element_bytes(type);
    bool mn = (is_b ? op.shape.transpose_b : op.shape.transpose_a) != 0;
    for_each_chunk(op, is_b, [&](std::uint32_t offset, int row, int k) {
        const std::uint8_t* p = chunk(g, op, offset);
        if (type == DI_SIM_BF16) {
            std::uint16_t values[8];
            std::memcpy(values, p, sizeof values);
            float* to = out + row * row_stride + k * k_stride;
            const int step = mn ? row_stride : k_stride;
            for (int e = 0; e < 8; ++e)
                to[e * step] = bf16_to_float(values[e]);
            return;
        }
        for (int e = 0; e < 16 / bytes; ++e) {
            int r = mn ? row + e : row, kk = mn ? k : k + e;
            out[r * row_stride + kk * k_stride] = element_to_float(type, p + e * bytes);
        }
    });
}

void gather_registers(const WgmmaOp& op, float* out) {
    int bytes = element_bytes(op.shape.type_a), per = 4 / bytes;
    for (int t = 0; t < static_cast<int>(kWarpgroup); ++t) {
        int lane = t % 32, base = t / 32 * 16;
        for (int j = 0; j < 4; ++j) {
            const auto* p =
                reinterpret_cast<const std::uint8_t*>(&op.a[static_cast<unsigned>(t * 4 + j)]);
            for (int e = 0; e < per; ++e)
                out[(base + a_row(lane, j)) * op.shape.k + a_k(lane, j, per) + e] =
                    element_to_float(op.shape.type_a, p + e * bytes);
        }
    }
}

void execute_front(WarpgroupState& g) {
    std::unique_ptr<WgmmaOp> op = std::move(g.queue.front());
    g.queue.pop_front();
    const WgmmaShape& s = op->shape;
    float a[64 * 32];
    static thread_local std::vector<float> b;
    b.resize(static_cast<std::size_t>(s.k) * static_cast<std::size_t>(s.n));
    if (s.a_in_registers)
        gather_registers(*op, a);
    else
        gather(g, *op, false, a, s.k, 1);
    gather(g, *op, true, b.data(), 1, s.n);
    if (s.scale_a * s.scale_b < 0)
        for (int i = 0; i < 64 * s.k; ++i)
            a[i] = -a[i];
    Accumulator& acc = g.accumulators[op->accumulator];
    if (s.scale_d == 0)
        std::fill(acc.values.begin(), acc.values.end(), 0.0f);
    else if (op->fresh)
        acc.values = op->initial;
    multiply_tile(a, b.data(), acc.values.data(), s.n, s.k);
}

class RunWgmma final : public AsyncOp {
  public:
    explicit RunWgmma(WarpgroupState& g) : group_(g) { kind = AgentKind::Wgmma; }
    void run() override {
        if (!group_.queue.empty())
            execute_front(group_);
    }

  private:
    WarpgroupState& group_;
};

// Registers that belong to an operation which thread `i` has deposited and whose result is not
// back.
bool in_flight(const WarpgroupState& g, unsigned i, const float* d) {
    for (const Accumulator& acc : g.accumulators)
        if (acc.live && acc.d[i] == d && !acc.has_result[i])
            return true;
    for (const auto& op : g.open)
        if (op->d[i] == d)
            return true;
    return false;
}

// All threads have deposited the front operation.
void close_front(WarpgroupState& g) {
    std::unique_ptr<WgmmaOp> op = std::move(g.open.front());
    g.open.pop_front();
    ++g.closed;
    Thread* first = &g.block->threads[g.index * kWarpgroup];
    std::size_t index = 0;
    for (; index < g.accumulators.size(); ++index) {
        Accumulator& acc = g.accumulators[index];
        if (acc.live && acc.d[0] == op->d[0] && !acc.has_result[0])
            break;
    }
    if (index == g.accumulators.size()) {
        for (index = 0; index < g.accumulators.size() && g.accumulators[index].live;)
            ++index;
        if (index == g.accumulators.size())
            g.accumulators.emplace_back();
        Accumulator& acc = g.accumulators[index];
        acc = Accumulator{};
        acc.live = true;
        acc.n = op->shape.n;
        acc.values.assign(64u * static_cast<unsigned>(op->shape.n), kPoison);
        std::copy(op->d, op->d + kWarpgroup, acc.d);
        op->fresh = true;
    } else if (g.accumulators[index].n != op->shape.n ||
               !std::equal(op->d, op->d + kWarpgroup, g.accumulators[index].d)) {
        fail(first, op->caller, "invalid argument",
             "wgmma accumulates into registers that another shape in flight uses");
    }
    op->accumulator = index;
    g.accumulators[index].last_group = op->group;
    check_reads(g, *op);
    g.queue.push_back(std::move(op));
    Cluster& cluster = *g.block->cluster;
    cluster.worker->issue(cluster, std::make_unique<RunWgmma>(g));
    for (Thread* w : g.waiting)
        cluster.worker->wake(w);
    g.waiting.clear();
}

void deposit(Thread* t, const WgmmaShape& shape, float* d, const unsigned* a, const void* caller) {
    WarpgroupState& g = group_of(t, "wgmma", caller);
    unsigned i = in_group(t);
    if (!g.fenced[i])
        fail(t, caller, "missing wgmma.fence",
             "wgmma without wgmma.fence since its registers were last used");
    std::uint64_t number = g.deposits[i]++;
    std::size_t at = static_cast<std::size_t>(number - g.closed);
    std::uint32_t group = g.committed[i] + 1;
    if (at == g.open.size()) {
        g.open.push_back(std::make_unique<WgmmaOp>());
        WgmmaOp& fresh = *g.open.back();
        fresh.shape = shape;
        fresh.group = group;
        fresh.caller = caller;
        fresh.initial.assign(64u * static_cast<unsigned>(shape.n), 0.0f);
        if (shape.a_in_registers)
            fresh.a.assign(kWarpgroup * 4, 0);
    }
    WgmmaOp& op = *g.open[at];
    if (!(op.shape == shape) || op.group != group)
        fail(t, caller, "divergent wgmma",
             "this thread's wgmma differs from the other threads' (shape, descriptors or group)");
    bool flying = in_flight(g, i, d);
    op.d[i] = d;
    if (a != nullptr)
        std::memcpy(&op.a[i * 4], a, 16);
    int lane = static_cast<int>(i) % 32, base = static_cast<int>(i) / 32 * 16;
    if (!flying) {
        for (int r = 0; r < shape.n / 2; ++r) {
            op.initial[static_cast<unsigned>((base + d_row(lane, r)) * shape.n +
                                             d_column(lane, r))] = d[r];
            d[r] = kPoison;
        }
    }
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
    int lane = static_cast<int>(i) % 32, base = static_cast<int>(i) / 32 * 16;
    for (Accumulator& acc : g.accumulators) {
        if (!acc.live || acc.has_result[i] || acc.last_group > group)
            continue;
        // A later operation that other threads have not deposited yet still owns the registers.
        bool open = false;
        for (const auto& op : g.open)
            open = open || op->d[i] == acc.d[i];
        if (open)
            continue;
        for (int r = 0; r < acc.n / 2; ++r)
            acc.d[i][r] = acc.values[static_cast<unsigned>((base + d_row(lane, r)) * acc.n +
                                                           d_column(lane, r))];
        acc.has_result[i] = true;
        g.fenced[i] = false;
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
    converge(t, "wgmma.fence", CALLER);
    group_of(t, "wgmma.fence", CALLER).fenced[in_group(t)] = true;
}

EXPORT void di_sim_wgmma_commit() {
    Thread* t = current_thread();
    WarpgroupState& g = group_of(t, "wgmma.commit_group", CALLER);
    ++g.committed[in_group(t)];
    g.uncommitted[in_group(t)] = 0;
}

EXPORT void di_sim_wgmma_wait(unsigned pending) {
    Thread* t = current_thread();
    converge(t, "wgmma.wait_group", CALLER);
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
        execute_front(g);
    deliver(g, t, group);
    if (t->view && t->view->seen(g.slot) >= group)
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

EXPORT void di_sim_wgmma_touch(void*, int) {
    Thread* t = current_thread();
    group_of(t, "wgmma register use", CALLER).fenced[in_group(t)] = false;
}
