// SPDX-License-Identifier: MIT
// One kernel launch: what to run, how, and what came of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/model.h"

namespace cudasim {

// The first thing that went wrong in a launch.
struct Report {
    std::string kind; // short and stable, e.g. "race", "deadlock"
    std::string text; // whole message with threads, places and seed
    bool empty() const { return kind.empty(); }
};

// A point in the order of everything enqueued: stream number and position in it.
struct Stamp {
    std::uint32_t stream = 0;
    std::uint64_t sequence = 0;
};

// The host program's own accesses count as a stream too.
constexpr std::uint32_t kHostStream = 0;

// What is visible to a piece of work: per stream the last position that happened before it.
using HostView = std::vector<std::uint64_t>;

// How many launches of this process have failed, and the first line about the last one.
std::uint64_t failed_launches();
std::string last_failure();

struct LaunchConfig {
    const char* name = "kernel";
    void (*call)(void** parameters) = nullptr;
    void** parameters = nullptr;
    di_sim_uint3 grid{1, 1, 1}, block{1, 1, 1}, cluster{1, 1, 1};
    std::uint32_t shared_bytes = 0;
    bool cooperative = false;
    int device = 0;
    std::uint64_t seed = 1;
    int policy = -1;      // of the enum, -1: by seed
    unsigned workers = 0; // host threads, 0: one per core
    bool checks = true;   // happens-before and initialisation; bounds are always checked
    bool trace = false;   // remember who writes what, for describe_last_writer
    Stamp stamp;
    HostView visible;
    std::uint64_t failures_before = failed_launches(); // when it was enqueued
    // Programmatic dependent launch: visible only after griddepcontrol.wait.
    bool has_dependency = false;
    Stamp dependency;
};

struct Launch {
    explicit Launch(const LaunchConfig& c);

    LaunchConfig config;
    unsigned threads_per_block, blocks_per_cluster, cluster_count;
    Policy policy;
    std::uint32_t first_space;
    std::atomic<std::uint32_t> next_cluster{0};
    std::atomic<std::uint32_t> finished{0};
    std::atomic<bool> failed{false};
    std::atomic<std::uint64_t> progress{0};
    std::mutex report_mutex;
    Report report;

    // Keeps the first report and stops all workers.
    void fail(std::string kind, std::string text);
    // The host has no memory for what the text names.
    void fail_memory(const char* what);
};

// What Launch::fail_memory reports as.
constexpr const char* kOutOfHostMemory = "out of host memory";
constexpr const char* kMemoryOfBlocks =
    "for the stacks and the shared memory of the grid's blocks (a stack per thread, two mappings "
    "each; /proc/sys/vm/max_map_count limits the mappings of a process)";

// Runs a launch to its end on the calling thread and helpers. Returns the report, empty when right.
Report run_launch(const LaunchConfig& config);

// What this host thread has looked up for launches. To be called before a thread ends that ran
// some.
void forget_thread_caches();

// What stays known of a launch after its end, for as long as its spaces are remembered.
struct Work {
    Stamp stamp;
    HostView visible;
    std::string name;
    di_sim_uint3 grid{}, block{}, cluster{};
    std::uint32_t first_space = 0;
    int device = 0;
    std::uint64_t seed = 0;
};

// The stamp of the work that owned a space, or null. Spaces are given out in order, for ever.
const Stamp* stamp_of_space(std::uint32_t space, bool* same_launch, std::uint32_t own_space);
std::shared_ptr<const Work> work_of_space(std::uint32_t space);
std::uint32_t reserve_spaces(std::uint32_t count, const LaunchConfig& config);

// True if a view of what is visible reaches a stamp.
inline bool reaches(const HostView& visible, const Stamp& stamp) {
    return stamp.stream < visible.size() && stamp.sequence <= visible[stamp.stream];
}

} // namespace cudasim
