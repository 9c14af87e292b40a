// SPDX-License-Identifier: MIT
#include "core/worker.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <new>
#include <thread>

#include "async/mbarrier.h"
#include "core/cluster_setup.h"
#include "core/describe.h"
#include "core/report.h"
#include "memory/shadow.h"
#include "tensor/warpgroup.h"

namespace cudasim {

constinit thread_local Thread* tls_thread __attribute__((tls_model("initial-exec"))) = nullptr;

namespace {

// Steps of all workers of the process: somebody who idles waits as long as others get on.
std::atomic<std::uint64_t> process_progress{0};

std::uint64_t now_ms() {
    using namespace std::chrono;
    return static_cast<std::uint64_t>(
        duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count());
}

// How long threads poll in vain once another kernel of the process, which they may wait for, has
// failed.
constexpr std::uint64_t kAfterFailureMs = 500;

std::uint64_t stall_limit_ms() {
    const char* text = std::getenv("DEEPINFRA_CUDASIM_STALL_SECONDS");
    double seconds = text != nullptr ? std::atof(text) : 0;
    return static_cast<std::uint64_t>((seconds > 0 ? seconds : 20.0) * 1000);
}

void fiber_main() {
    Thread* t = tls_thread;
    Launch& launch = *t->block->cluster->launch;
    try {
        launch.config.call(launch.config.parameters);
        finish_thread(t);
    } catch (const std::bad_alloc&) {
        launch.fail_memory("for the checks of its accesses");
    }
    // Outside the handler, which a fiber that is left behind would never end.
    worker_of(t).abandon();
}

} // namespace

Worker::Worker(Launch& launch, unsigned index, unsigned count)
    : launch_(launch), index_(index), count_(count), policy_(launch.policy) {
    rng_.reseed(launch.config.seed * 0x9e3779b97f4a7c15ULL + index);
    unsigned per_cluster = launch.threads_per_block * launch.blocks_per_cluster;
    unsigned fit = std::max(1u, 132u * 2048u / per_cluster / count);
    if (launch.config.shared_bytes > 0) {
        unsigned bytes = (launch.config.shared_bytes + 1024) * launch.blocks_per_cluster;
        fit = std::min(fit, std::max(1u, 132u * (228u * 1024u) / bytes / count));
    }
    // A cooperative grid was checked to fit; any other keeps few blocks in memory and admits more
    // when those that run cannot go on without them.
    resident_limit_ = launch.config.cooperative ? launch.cluster_count : fit;
    resident_target_ = launch.config.cooperative ? launch.cluster_count : 1 + rng_.below(3);
    if (policy_ == Policy::Priority)
        next_change_ = 1 + rng_.below(500);
}

Worker::~Worker() {
    for (auto& cluster : clusters_) {
        for (auto& block : cluster->blocks) {
            for (Thread& t : block->threads)
                StackPool::instance().give(t.stack);
        }
        release_arena(*cluster);
    }
}

void Worker::start_cluster(std::uint32_t index) {
    // In the list before it is complete: the worker gives back what a part of one has taken.
    clusters_.push_back(make_cluster(launch_, *this, index));
    Cluster& cluster = *clusters_.back();
    unsigned stagger = rng_.below(32), warps = 0;
    for (auto& block : cluster.blocks) {
        warps += static_cast<unsigned>(block->warps.size());
        for (Thread& t : block->threads) {
            t.stack = StackPool::instance().take();
            t.sp = prepare_fiber(t.stack, fiber_main, stagger++);
        }
    }
    ready_warps_.reserve(ready_warps_.size() + warps);
    for (auto& block : cluster.blocks) {
        for (Warp& w : block->warps) {
            w.priority = rng_.next() >> 1 | (1ull << 62);
            w.queue_index = static_cast<int>(ready_warps_.size());
            w.ready = w.live;
            ready_warps_.push_back(&w);
        }
    }
    ++progress_;
    process_progress.fetch_add(1, std::memory_order_relaxed);
}

bool Worker::try_start_cluster(std::uint32_t index) {
    try {
        start_cluster(index);
        return true;
    } catch (const std::bad_alloc&) {
        launch_.fail_memory(kMemoryOfBlocks);
        return false;
    }
}

void Worker::release_cluster(Cluster* cluster) {
    auto it = std::find_if(clusters_.begin(), clusters_.end(),
                           [&](const auto& c) { return c.get() == cluster; });
    for (auto& block : cluster->blocks) {
        for (Thread& t : block->threads)
            StackPool::instance().give(t.stack);
    }
    release_arena(*cluster);
    *it = std::move(clusters_.back());
    clusters_.pop_back();
    launch_.finished.fetch_add(1, std::memory_order_acq_rel);
}

void Worker::admit() {
    while (clusters_.size() < resident_target_ && !launch_.failed.load(std::memory_order_relaxed)) {
        std::uint32_t next = launch_.next_cluster.fetch_add(1, std::memory_order_relaxed);
        if (next >= launch_.cluster_count)
            return;
        start_cluster(next);
    }
}

void Worker::run() {
    // Blocks of a cooperative grid are dealt out evenly; others as workers become free.
    if (launch_.config.cooperative) {
        for (std::uint32_t c = index_; c < launch_.cluster_count; c += count_)
            start_cluster(c);
    }
    for (;;) {
        for (Cluster* c : finished_clusters_)
            release_cluster(c);
        finished_clusters_.clear();
        if (launch_.failed.load(std::memory_order_relaxed))
            break;
        if (!launch_.config.cooperative)
            admit();
        if (clusters_.empty())
            break;
        Thread* next = pick();
        if (next == nullptr)
            continue;
        tls_thread = next;
        cudasim_switch(&scheduler_sp_, next->sp);
        tls_thread = nullptr;
    }
}

void Worker::set_ready(Thread* t) {
    t->state = ThreadState::Ready;
    Warp* w = t->warp;
    if (w->ready == 0) {
        w->queue_index = static_cast<int>(ready_warps_.size());
        ready_warps_.push_back(w);
    }
    w->ready |= 1u << t->lane;
}

void Worker::clear_ready(Thread* t) {
    Warp* w = t->warp;
    w->ready &= ~(1u << t->lane);
    if (w->ready != 0)
        return;
    Warp* last = ready_warps_.back();
    ready_warps_[static_cast<std::size_t>(w->queue_index)] = last;
    last->queue_index = w->queue_index;
    ready_warps_.pop_back();
    w->queue_index = -1;
}

Thread* Worker::pick_ready() {
    if (ready_warps_.empty())
        return nullptr;
    Warp* w;
    if (policy_ == Policy::Priority) {
        w = *std::max_element(ready_warps_.begin(), ready_warps_.end(),
                              [](Warp* a, Warp* b) { return a->priority < b->priority; });
        if (++steps_ >= next_change_) {
            w->priority = --low_priority_;
            next_change_ = steps_ + 1 + rng_.below(4000);
        }
    } else {
        w = ready_warps_.size() == 1
                ? ready_warps_[0]
                : ready_warps_[rng_.below(static_cast<std::uint32_t>(ready_warps_.size()))];
    }
    unsigned start = rng_.below(kWarpSize);
    std::uint32_t turned = (w->ready >> start) | (start == 0 ? 0 : w->ready << (32 - start));
    unsigned lane = (start + static_cast<unsigned>(__builtin_ctz(turned))) % kWarpSize;
    Thread* t = &w->threads[lane];
    clear_ready(t);
    return t;
}

bool Worker::run_one_async() {
    std::size_t total = 0;
    for (auto& c : clusters_)
        total += c->pending.size();
    if (total == 0)
        return false;
    std::size_t chosen = rng_.below(static_cast<std::uint32_t>(total));
    for (auto& c : clusters_) {
        if (chosen >= c->pending.size()) {
            chosen -= c->pending.size();
            continue;
        }
        std::unique_ptr<AsyncOp> op = std::move(c->pending[chosen]);
        c->pending[chosen] = std::move(c->pending.back());
        c->pending.pop_back();
        ++progress_;
        op->run();
        return true;
    }
    return false;
}

Thread* Worker::pick() {
    for (;;) {
        if (launch_.failed.load(std::memory_order_relaxed))
            return nullptr;
        if (policy_ == Policy::Early) {
            while (run_one_async()) {
            }
        } else if (policy_ != Policy::Late && rng_.one_in(8)) {
            run_one_async();
        }
        if ((++steps_ & 255) == 0 && progress_ != progress_published_) {
            progress_published_ = progress_;
            process_progress.fetch_add(1, std::memory_order_relaxed);
        }
        if (Thread* t = pick_ready())
            return t;
        if (run_one_async())
            continue;
        if (!finished_clusters_.empty())
            return nullptr; // the scheduler cleans up first
        if (pollers_.empty()) {
            if (!clusters_.empty())
                report_deadlock("every thread waits");
            return nullptr;
        }
        if (progress_ != progress_at_poll_) {
            progress_at_poll_ = progress_;
            pollers_since_progress_ = 0;
            rounds_ = 0;
            idle_since_ = 0;
        }
        if (pollers_since_progress_ >= pollers_.size()) {
            std::uint32_t next = launch_.cluster_count;
            if (clusters_.size() < resident_limit_ && !launch_.config.cooperative) {
                next = launch_.next_cluster.fetch_add(1, std::memory_order_relaxed);
            }
            if (next < launch_.cluster_count) {
                if (!try_start_cluster(next))
                    return nullptr;
                continue;
            }
            idle();
        }
        ++pollers_since_progress_;
        Thread* t = pollers_.front();
        pollers_.pop_front();
        return t;
    }
}

void Worker::idle() {
    // Shared memory changes by what these threads do, and so far nobody has done anything. A loop
    // that reads a value some times without waiting for it ends by itself.
    constexpr unsigned kRoundsOfLoops = 4096, kRoundsWithoutSleep = 64;
    bool local = true, barriers = true;
    for (const Thread* t : pollers_) {
        local = local && t->wait.kind == WaitKind::Mbarrier;
        barriers = barriers && t->wait.detail != 0;
    }
    if (local && (barriers || rounds_ > kRoundsOfLoops))
        report_deadlock(barriers ? "every thread waits or polls a barrier that nobody will complete"
                                 : "every thread waits or polls shared memory that nobody changes");
    pollers_since_progress_ = 0;
    if (++rounds_ < kRoundsWithoutSleep || local)
        return;
    std::uint64_t seen = process_progress.load(std::memory_order_relaxed);
    std::uint64_t now = now_ms();
    if (idle_since_ == 0 || seen != launch_progress_seen_) {
        idle_since_ = now;
        launch_progress_seen_ = seen;
        stall_limit_ = stall_limit_ms();
    } else if (now - idle_since_ > kAfterFailureMs &&
               failed_launches() != launch_.config.failures_before) {
        report_deadlock(("threads poll memory that nothing changes any more, since another kernel "
                         "has failed: " +
                         last_failure())
                            .c_str());
    } else if (now - idle_since_ > stall_limit_) {
        report_deadlock("threads poll memory and nothing in this process has moved for a while");
    }
    std::this_thread::sleep_for(std::chrono::microseconds(20));
}

void Worker::switch_to(Thread* from, Thread* to) {
    if (to == from)
        return;
    tls_thread = to;
    cudasim_switch(&from->sp, to != nullptr ? to->sp : scheduler_sp_);
}

void Worker::block_current(Thread* t, const Wait& wait) {
    ++progress_;
    t->wait = wait;
    t->state = ThreadState::Blocked;
    switch_to(t, pick());
    t->wait.kind = WaitKind::None;
}

void Worker::block_current_for(Thread* t, const Wait& wait, std::uint32_t lanes) {
    lanes &= t->warp->ready;
    if (lanes == 0 || rng_.one_in(32)) {
        block_current(t, wait);
        t->state = ThreadState::Ready; // wake_lanes leaves that to the thread
        return;
    }
    ++progress_;
    t->wait = wait;
    t->state = ThreadState::Blocked;
    Thread* next = &t->warp->threads[__builtin_ctz(lanes)];
    clear_ready(next);
    switch_to(t, next);
    t->state = ThreadState::Ready;
    t->wait.kind = WaitKind::None;
}

void Worker::wake_lanes(Warp& warp, std::uint32_t lanes) {
    if (warp.ready == 0 && lanes != 0) {
        warp.queue_index = static_cast<int>(ready_warps_.size());
        ready_warps_.push_back(&warp);
    }
    warp.ready |= lanes;
}

void Worker::poll_current(Thread* t, const Wait& wait) {
    t->wait = wait;
    t->state = ThreadState::Polling;
    pollers_.push_back(t);
    switch_to(t, pick());
    t->state = ThreadState::Ready;
    t->wait.kind = WaitKind::None;
}

void Worker::yield(Thread* t, bool progress) {
    if (progress)
        ++progress_;
    set_ready(t);
    switch_to(t, pick());
}

void Worker::maybe_yield(Thread* t, bool progress) {
    if (rng_.one_in(4))
        yield(t, progress);
}

void Worker::wake(Thread* t) {
    if (t->state == ThreadState::Blocked)
        set_ready(t);
}

void Worker::exit_current(Thread* t) {
    ++progress_;
    t->state = ThreadState::Exited;
    Cluster& cluster = cluster_of(t);
    if (cluster.live_blocks == 0) {
        // Whatever is still in flight completes before the cluster goes.
        while (!cluster.pending.empty()) {
            std::unique_ptr<AsyncOp> op = std::move(cluster.pending.back());
            cluster.pending.pop_back();
            op->run();
        }
        finished_clusters_.push_back(&cluster);
        tls_thread = nullptr;
        cudasim_switch(&t->sp, scheduler_sp_);
    }
    switch_to(t, pick());
    __builtin_unreachable();
}

void Worker::abandon() {
    Thread* t = tls_thread;
    tls_thread = nullptr;
    if (t == nullptr) {
        // On the scheduler's own stack: the caller looks at the failure itself.
        throw LaunchFailed{};
    }
    cudasim_switch(&t->sp, scheduler_sp_);
    __builtin_unreachable();
}

void Worker::issue(Cluster& cluster, std::unique_ptr<AsyncOp> op) {
    ++progress_;
    if (policy_ == Policy::Early && rng_.below(4) != 0) {
        op->run();
        return;
    }
    cluster.pending.push_back(std::move(op));
}

void Worker::force(Thread* t, AgentKind kind, std::uint32_t group) {
    Cluster& cluster = cluster_of(t);
    auto& pending = cluster.pending;
    for (std::size_t i = 0; i < pending.size();) {
        AsyncOp* op = pending[i].get();
        if (op->owner != t || op->kind != kind || op->group > group) {
            ++i;
            continue;
        }
        std::unique_ptr<AsyncOp> mine = std::move(pending[i]);
        pending[i] = std::move(pending.back());
        pending.pop_back();
        ++progress_;
        mine->run();
        i = 0; // running one may have changed the list
    }
}

void Worker::report_deadlock(const char* why) {
    fail_launch(launch_, *this, "deadlock", describe_waits(*this, why));
}

} // namespace cudasim
