// SPDX-License-Identifier: MIT
// A host thread that runs clusters: picks which fiber continues and when asynchronous operations
// happen.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "core/launch.h"
#include "core/model.h"

namespace cudasim {

class Worker {
  public:
    Worker(Launch& launch, unsigned index, unsigned count);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // Runs until the launch is finished or has failed.
    void run();

    Launch& launch() { return launch_; }
    Rng& rng() { return rng_; }
    Policy policy() const { return policy_; }
    const std::vector<std::unique_ptr<Cluster>>& clusters() const { return clusters_; }

    // --- called on fibers ---
    // The current thread cannot go on: runs others until somebody wakes it.
    void block_current(Thread* t, const Wait& wait);
    // The same for a thread that waits for some lanes of its warp: mostly one of these runs next.
    void block_current_for(Thread* t, const Wait& wait, std::uint32_t lanes);
    // Lanes that wait in block_current_for can go on.
    void wake_lanes(Warp& warp, std::uint32_t lanes);
    // The current thread polls without success: runs others, comes back when there was progress.
    void poll_current(Thread* t, const Wait& wait);
    // A point where others may run; mostly returns at once. What a loop that waits in vain passes
    // through is no progress: nobody could tell such a loop from work otherwise.
    void maybe_yield(Thread* t, bool progress = true);
    void yield(Thread* t, bool progress = true);
    void wake(Thread* t);
    [[noreturn]] void exit_current(Thread* t);
    // Leaves all fibers behind for good; the report has been made.
    [[noreturn]] void abandon();

    // Puts an operation in flight, or runs it at once when the policy is early.
    void issue(Cluster& cluster, std::unique_ptr<AsyncOp> op);
    // Runs what a thread's wait guarantees: its operations of this kind up to a group.
    void force(Thread* t, AgentKind kind, std::uint32_t group);
    void note_progress() { ++progress_; }

  private:
    void admit();
    void start_cluster(std::uint32_t index);
    // The same on a fiber, which an exception must not leave; false when the launch has failed.
    bool try_start_cluster(std::uint32_t index);
    void release_cluster(Cluster* cluster);
    bool run_one_async();
    Thread* pick();
    Thread* pick_ready();
    void switch_to(Thread* from, Thread* to);
    void set_ready(Thread* t);
    void clear_ready(Thread* t);
    void idle();
    [[noreturn]] void report_deadlock(const char* why);

    Launch& launch_;
    unsigned index_, count_;
    Rng rng_;
    Policy policy_;
    unsigned resident_target_ = 1, resident_limit_ = 1;
    void* scheduler_sp_ = nullptr;
    bool stop_ = false;
    std::vector<std::unique_ptr<Cluster>> clusters_; // resident
    std::vector<Cluster*> finished_clusters_;
    std::vector<Warp*> ready_warps_;
    std::deque<Thread*> pollers_;
    unsigned pollers_since_progress_ = 0;
    std::uint64_t progress_ = 0, progress_at_poll_ = 0, progress_published_ = 0;
    unsigned rounds_ = 0; // that all pollers have polled in vain
    std::uint64_t steps_ = 0, next_change_ = ~0ull;
    std::uint64_t low_priority_ = 1ull << 32;
    std::uint64_t idle_since_ = 0, stall_limit_ = 0; // milliseconds
    std::uint64_t launch_progress_seen_ = 0;
};

// The thread that runs on this host thread, or null outside device code.
extern constinit thread_local Thread* tls_thread __attribute__((tls_model("initial-exec")));
inline Thread* current_thread() { return tls_thread; }
inline Worker& worker_of(const Thread* t) { return *t->block->cluster->worker; }

} // namespace cudasim
