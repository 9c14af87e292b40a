// SPDX-License-Identifier: MIT
// Bugs in small kernels, each found on every seed. Those of a whole pipeline are in gemm_test.cpp,
// those between streams, devices and the host in order_test.cpp and peer_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "planted_bugs.h"
#include "sim_test.h"

extern "C" {
extern const di_sim_kernel_info di_sim_kernel_block_sum, di_sim_kernel_divergent_sync,
    di_sim_kernel_deadlock, di_sim_kernel_deadlock_mbarrier, di_sim_kernel_deadlock_cluster,
    di_sim_kernel_deadlock_shared_flag, di_sim_kernel_deadlock_global_flag,
    di_sim_kernel_deadlock_atomic_flag, di_sim_kernel_deadlock_sleeping,
    di_sim_kernel_deadlock_warp, di_sim_kernel_deadlock_warpgroup, di_sim_kernel_missing_lane,
    di_sim_kernel_shared_out_of_bounds, di_sim_kernel_global_access, di_sim_kernel_misaligned,
    di_sim_kernel_uninitialised, di_sim_kernel_message, di_sim_kernel_message_fence,
    di_sim_kernel_copy_async, di_sim_kernel_lane_release, di_sim_kernel_neighbours;
}

namespace cudasim::test {
namespace {

using Kinds = std::vector<std::string>;
struct Bug {
    const char* test;
    const char* name;
    Kinds kinds; // of reports that count as found
    std::function<Report(unsigned seed)> run;
};

constexpr std::uint32_t kTileShared = 16384 + 1024;

Dims dims_of(unsigned seed, unsigned blocks, unsigned threads, std::uint32_t shared) {
    Dims dims;
    dims.grid = {blocks, 1, 1};
    dims.block = {threads, 1, 1};
    dims.shared = shared;
    dims.seed = seed;
    return dims;
}

Report message(unsigned seed, int release, int acquire, int scope) {
    Buffer<unsigned> data(64), flag(1, 0u), out(64);
    return launch(di_sim_kernel_message, dims_of(seed, 2, 64, 0), data.data(), flag.data(),
                  out.data(), release, acquire, scope);
}

Report neighbours(unsigned seed, int mode) {
    Buffer<std::uint32_t> out(64);
    Dims dims = dims_of(seed, 2, 32, kTileShared);
    dims.cluster = {2, 1, 1};
    return launch(di_sim_kernel_neighbours, dims, out.data(), mode);
}

// Loops on global memory: another kernel could end it, so that only time tells.
Report loop(unsigned seed, const di_sim_kernel_info& kernel) {
    setenv("DEEPINFRA_CUDASIM_STALL_SECONDS", "0.02", 1);
    Buffer<unsigned> flag(1, 0u);
    Report report = launch(kernel, dims_of(seed, 1, 32, 0), flag.data());
    unsetenv("DEEPINFRA_CUDASIM_STALL_SECONDS");
    return report;
}

const std::vector<Bug>& bugs() {
    static const std::vector<Bug> all = {
        {"LaneRelease",
         "missing __syncwarp before a lane's release",
         {"race"},
         [](unsigned seed) {
             Buffer<std::uint32_t> out(32);
             return launch(di_sim_kernel_lane_release, dims_of(seed, 1, 64, kTileShared),
                           out.data(), 0);
         }},
        {"SharedBounds",
         "shared memory out of bounds",
         {"shared memory out of bounds"},
         [](unsigned seed) {
             return launch(di_sim_kernel_shared_out_of_bounds, dims_of(seed, 1, 1, 256), 64u);
         }},
        {"GlobalBounds",
         "global memory out of bounds",
         {"global memory out of bounds"},
         [](unsigned seed) {
             Buffer<unsigned> p(10);
             return launch(di_sim_kernel_global_access, dims_of(seed, 1, 1, 0), p.data(), 10u);
         }},
        {"UseAfterFree",
         "use after free",
         {"use after free"},
         [](unsigned seed) {
             Buffer<unsigned> p(10);
             unsigned* data = p.data();
             p.free_early();
             return launch(di_sim_kernel_global_access, dims_of(seed, 1, 1, 0), data, 0u);
         }},
        {"HostPointer",
         "pointer to pageable host memory",
         {"invalid address"},
         [](unsigned seed) {
             unsigned host = 0;
             return launch(di_sim_kernel_global_access, dims_of(seed, 1, 1, 0), &host, 0u);
         }},
        {"Misaligned",
         "misaligned vector access",
         {"misaligned address"},
         [](unsigned seed) {
             Buffer<char> bytes(64);
             return launch(di_sim_kernel_misaligned, dims_of(seed, 1, 1, 0), bytes.data());
         }},
        {"Uninitialised",
         "read of shared memory that nobody wrote",
         {"uninitialised read"},
         [](unsigned seed) {
             Buffer<unsigned> out(1);
             return launch(di_sim_kernel_uninitialised, dims_of(seed, 1, 1, 256), out.data());
         }},
        {"BlockRelease",
         "missing release between blocks",
         {"race"},
         [](unsigned seed) { return message(seed, DI_SIM_RELAXED, DI_SIM_ACQUIRE, DI_SIM_GPU); }},
        {"BlockAcquire",
         "missing acquire between blocks",
         {"race"},
         [](unsigned seed) { return message(seed, DI_SIM_RELEASE, DI_SIM_RELAXED, DI_SIM_GPU); }},
        {"BlockScope",
         "scope of one block between blocks",
         {"race"},
         [](unsigned seed) { return message(seed, DI_SIM_RELEASE, DI_SIM_ACQUIRE, DI_SIM_CTA); }},
        {"BlockFence",
         "missing fences around relaxed atomics",
         {"race"},
         [](unsigned seed) {
             Buffer<unsigned> data(64), flag(1, 0u), out(64);
             return launch(di_sim_kernel_message_fence, dims_of(seed, 2, 64, 0), data.data(),
                           flag.data(), out.data(), 0);
         }},
        {"ExitedPeer",
         "DSMEM access after the peer exited",
         {"shared memory of an exited block"},
         [](unsigned seed) { return neighbours(seed, 2); }},
        {"ClusterBarrier",
         "missing cluster barrier between DSMEM writes and reads",
         {"race", "shared memory of an exited block"},
         [](unsigned seed) { return neighbours(seed, 1); }},
        {"Syncthreads",
         "missing __syncthreads",
         {"race", "uninitialised read"},
         [](unsigned seed) {
             Buffer<unsigned> in(256, 1), out(1);
             return launch(di_sim_kernel_block_sum, dims_of(seed, 1, 256, 1024), in.data(),
                           out.data(), 1);
         }},
        {"CpAsyncWait",
         "missing cp.async wait",
         {"race"},
         [](unsigned seed) {
             Buffer<std::uint32_t> in(128, 1u), out(128);
             return launch(di_sim_kernel_copy_async, dims_of(seed, 1, 32, kTileShared), in.data(),
                           out.data(), 0);
         }},
        {"Deadlock",
         "deadlock at named barriers",
         {"deadlock"},
         [](unsigned seed) { return launch(di_sim_kernel_deadlock, dims_of(seed, 1, 64, 0)); }},
        {"DeadlockMbarrier",
         "deadlock at an mbarrier",
         {"deadlock"},
         [](unsigned seed) {
             return launch(di_sim_kernel_deadlock_mbarrier, dims_of(seed, 1, 64, 64));
         }},
        {"DeadlockCluster",
         "deadlock at a cluster barrier",
         {"deadlock"},
         [](unsigned seed) {
             Dims dims = dims_of(seed, 2, 64, 0);
             dims.cluster = {2, 1, 1};
             return launch(di_sim_kernel_deadlock_cluster, dims);
         }},
        {"DeadlockSharedFlag",
         "loop on shared memory that nobody writes",
         {"deadlock"},
         [](unsigned seed) {
             return launch(di_sim_kernel_deadlock_shared_flag, dims_of(seed, 1, 1, 64));
         }},
        {"DeadlockGlobalFlag",
         "loop on global memory that nobody writes",
         {"deadlock"},
         [](unsigned seed) { return loop(seed, di_sim_kernel_deadlock_global_flag); }},
        {"DeadlockAtomicFlag",
         "loop that reads global memory by an atomic",
         {"deadlock"},
         [](unsigned seed) { return loop(seed, di_sim_kernel_deadlock_atomic_flag); }},
        {"DeadlockSleeping",
         "loop on global memory that sleeps in between",
         {"deadlock"},
         [](unsigned seed) { return loop(seed, di_sim_kernel_deadlock_sleeping); }},
        {"DeadlockWarp",
         "deadlock at a __syncwarp",
         {"deadlock"},
         [](unsigned seed) {
             return launch(di_sim_kernel_deadlock_warp, dims_of(seed, 1, 32, 64));
         }},
        {"DeadlockWarpgroup",
         "wgmma without one warp of the warpgroup",
         {"deadlock"},
         [](unsigned seed) {
             return launch(di_sim_kernel_deadlock_warpgroup, dims_of(seed, 1, 128, 1024));
         }},
        {"DivergentBarrier",
         "divergent __syncthreads",
         {"divergent barrier"},
         [](unsigned seed) {
             return launch(di_sim_kernel_divergent_sync, dims_of(seed, 1, 64, 0));
         }},
        {"MissingLane",
         "lane missing from a shuffle",
         {"divergent collective"},
         [](unsigned seed) { return launch(di_sim_kernel_missing_lane, dims_of(seed, 1, 32, 0)); }},
    };
    return all;
}

class SmallBug : public testing::TestWithParam<std::size_t> {};

TEST_P(SmallBug, IsFoundOnEverySeed) {
    const Bug& bug = bugs()[GetParam()];
    std::map<std::string, unsigned> found;
    for (unsigned seed = 1; seed <= kBugSeeds; ++seed) {
        lines_in_reports(seed == 1);
        Report report = bug.run(seed);
        bool right = std::find(bug.kinds.begin(), bug.kinds.end(), report.kind) != bug.kinds.end();
        EXPECT_TRUE(right) << bug.name << ", seed " << seed << ": " << report.text;
        EXPECT_TRUE(names_seed_thread_and_line(report.text, seed, seed == 1)) << report.text;
        ++found[right ? report.kind : ""];
    }
    lines_in_reports(true);
    record_planted_bug(bug.name, found);
}

INSTANTIATE_TEST_SUITE_P(All, SmallBug, testing::Range(std::size_t{0}, bugs().size()),
                         [](const auto& info) { return bugs()[info.param].test; });

} // namespace
} // namespace cudasim::test
