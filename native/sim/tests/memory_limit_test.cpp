// SPDX-License-Identifier: MIT
// Launches on a machine that has no more memory for them, in a process of their own.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>

#include "sim_test.h"

extern "C" {
extern const di_sim_kernel_info di_sim_kernel_fill, di_sim_kernel_wait_for_last;
}

namespace cudasim::test {
namespace {

// So many more bytes of addresses than the process has now; all of them for a negative number.
void limit_memory(long more) {
    rlimit limit{};
    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = limit.rlim_max;
    if (more >= 0) {
        unsigned long pages = 0;
        std::FILE* file = std::fopen("/proc/self/statm", "r");
        if (file == nullptr || std::fscanf(file, "%lu", &pages) != 1)
            std::exit(10);
        std::fclose(file);
        limit.rlim_cur = pages * 4096 + static_cast<rlim_t>(more);
    }
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        std::exit(11);
}

Report fill(unsigned blocks, unsigned threads, unsigned workers = 2) {
    Buffer<unsigned> out(1024);
    Dims dims;
    dims.grid = {blocks, 1, 1};
    dims.block = {threads, 1, 1};
    dims.workers = workers;
    return launch(di_sim_kernel_fill, dims, out.data(), 1024u);
}

// Blocks that only end when the last one has begun: they are admitted from within the others.
Report wait_for_last(unsigned blocks) {
    Buffer<unsigned> flag(1, 0u);
    Dims dims;
    dims.grid = {blocks, 1, 1};
    dims.block = {256, 1, 1};
    dims.workers = 1;
    return launch(di_sim_kernel_wait_for_last, dims, flag.data());
}

void expect_exit_code(int code, const Report& report) {
    std::fprintf(stderr, "[%s] %s\n", report.kind.c_str(), report.text.c_str());
    if (report.kind != "out of host memory")
        std::exit(code);
}

void launches_without_memory() {
    if (!fill(2, 64).empty())
        std::exit(1);
    limit_memory(24 << 20); // the stacks of 340 threads
    expect_exit_code(2, fill(1, 1024, 1));
    expect_exit_code(3, wait_for_last(64));
    // Nothing that the failed launches had taken is lost, and smaller ones still run.
    for (int i = 0; i < 3; ++i) {
        if (!fill(4, 64, 1).empty())
            std::exit(4);
        expect_exit_code(5, wait_for_last(64));
    }
    limit_memory(-1);
    if (!fill(1, 1024).empty() || !wait_for_last(8).empty())
        std::exit(6);
    std::exit(0);
}

void launches_without_threads() {
    if (!fill(2, 64, 1).empty())
        std::exit(1);
    limit_memory(4 << 20); // less than the stack of a host thread
    Report report = fill(64, 32, 8);
    std::fprintf(stderr, "%s\n", report.text.c_str());
    std::exit(report.empty() ? 0 : 2);
}

TEST(MemoryLimitDeathTest, Launch_WithoutMemoryForStacks_EndsWithAReport) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");

    EXPECT_EXIT(launches_without_memory(), testing::ExitedWithCode(0), "max_map_count");
}

TEST(MemoryLimitDeathTest, Launch_WithoutHostThreads_RunsOnTheOneThereIs) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");

    EXPECT_EXIT(launches_without_threads(), testing::ExitedWithCode(0), "");
}

} // namespace
} // namespace cudasim::test
