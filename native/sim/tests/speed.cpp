// SPDX-License-Identifier: MIT
// How fast the simulator is on one core: prints one JSON object a line. Processor time of the
// thread decides, best of several rounds, so that other load of the machine hardly shows; the wall
// clock of the same round stands beside it. Every round runs all four scheduling policies equally
// often.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "gemm_runner.h"

extern "C" {
extern const di_sim_kernel_info di_sim_kernel_sync_many;
}

namespace cudasim::test {
namespace {

constexpr unsigned kRounds = 12, kSeeds = 8, kPolicies = 4;

double seconds_of(clockid_t clock) {
    timespec t{};
    clock_gettime(clock, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

struct Time {
    double cpu = std::numeric_limits<double>::infinity();
    double wall = std::numeric_limits<double>::infinity();
};

// The best round of f(seed) over kSeeds seeds; f says whether the run was right.
template <typename F> Time best_round(F f) {
    static_assert(kSeeds % kPolicies == 0);
    Time best;
    for (unsigned round = 0; round <= kRounds; ++round) {
        double cpu = seconds_of(CLOCK_THREAD_CPUTIME_ID), wall = seconds_of(CLOCK_MONOTONIC);
        for (unsigned seed = 0; seed < kSeeds; ++seed) {
            Report report = f(round * kSeeds + seed + 1);
            if (!report.empty()) {
                std::fprintf(stderr, "[%s] %s\n", report.kind.c_str(), report.text.c_str());
                std::exit(1);
            }
        }
        cpu = seconds_of(CLOCK_THREAD_CPUTIME_ID) - cpu;
        wall = seconds_of(CLOCK_MONOTONIC) - wall;
        if (round != 0) // the first one warms up
            best = {std::min(best.cpu, cpu), std::min(best.wall, wall)};
    }
    return best;
}

void measure_wgmma(bool checks) {
    constexpr unsigned kM = 256, kN = 256, kK = 512;
    GemmRunner gemm(kM, kN, kK);
    Time time = best_round([&](unsigned seed) { return gemm.run(seed, kNoBug, checks); });
    if (!gemm.right()) {
        std::fprintf(stderr, "the product is wrong\n");
        std::exit(1);
    }
    double flop = 2.0 * kM * kN * kK * kSeeds;
    std::printf("{\"name\": \"wgmma\", \"shape\": \"m64n64k16 in %ux%ux%u\", \"checks\": %s, "
                "\"gflops\": %.2f, \"gflopsWall\": %.2f}\n",
                kM, kN, kK, checks ? "true" : "false", flop / time.cpu * 1e-9,
                flop / time.wall * 1e-9);
}

void measure_barrier(bool checks) {
    constexpr unsigned kTimes = 500;
    Dims dims;
    dims.block = {128, 1, 1};
    dims.workers = 1;
    dims.checks = checks;
    Time time = best_round([&](unsigned seed) {
        dims.seed = seed;
        return launch(di_sim_kernel_sync_many, dims, kTimes);
    });
    double count = double{kTimes} * kSeeds;
    std::printf("{\"name\": \"syncthreads\", \"shape\": \"128 threads\", \"checks\": %s, "
                "\"microseconds\": %.2f, \"microsecondsWall\": %.2f}\n",
                checks ? "true" : "false", time.cpu / count * 1e6, time.wall / count * 1e6);
}

} // namespace
} // namespace cudasim::test

// Arguments choose measurements, all by default: wgmma, wgmma-unchecked, syncthreads,
// syncthreads-unchecked.
int main(int argc, char** argv) {
    auto chosen = [&](const char* name) {
        return argc < 2 ||
               std::any_of(argv + 1, argv + argc, [&](char* a) { return !std::strcmp(a, name); });
    };
    if (chosen("wgmma"))
        cudasim::test::measure_wgmma(true);
    if (chosen("wgmma-unchecked"))
        cudasim::test::measure_wgmma(false);
    if (chosen("syncthreads"))
        cudasim::test::measure_barrier(true);
    if (chosen("syncthreads-unchecked"))
        cudasim::test::measure_barrier(false);
    return 0;
}
