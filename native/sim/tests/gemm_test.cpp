// SPDX-License-Identifier: MIT
// The planted-bug suite on a whole pipeline, and the same kernel without a bug.
#include <gtest/gtest.h>

#include <map>

#include "gemm_runner.h"
#include "planted_bugs.h"

namespace cudasim::test {
namespace {

constexpr const char* kNames[] = {"none",
                                  "consumer skips the full wait",
                                  "producer skips the empty wait",
                                  "missing wgmma wait",
                                  "wait placed after the read",
                                  "phase flipped every stage",
                                  "phase never flipped",
                                  "wrong initial parity",
                                  "stage released too early",
                                  "expect_tx halved",
                                  "expect_tx doubled",
                                  "no sync after mbarrier init",
                                  "no fence after mbarrier init",
                                  "missing named barrier before the epilogue store",
                                  "wrong stride in a descriptor",
                                  "tensor map without swizzle",
                                  "swapped fragment rows",
                                  "missing wgmma.fence",
                                  "missing proxy fence",
                                  "proxy fence before the writes",
                                  "exit before the store has read shared memory",
                                  "over-arrival"};
static_assert(sizeof kNames / sizeof kNames[0] == kGemmBugs);

TEST(Gemm, Correct_AllPolicies_RightAndWithoutReport) {
    GemmRunner gemm(128, 128, 384);
    for (unsigned seed = 1; seed <= 40; ++seed) {
        Report report = gemm.run(seed, kNoBug);
        ASSERT_TRUE(report.empty()) << report.text;
        ASSERT_TRUE(gemm.right()) << "seed " << seed;
    }
}

class PlantedBug : public testing::TestWithParam<int> {};

TEST_P(PlantedBug, IsFoundOnEverySeed) {
    GemmRunner gemm(64, 64, 512);
    std::map<std::string, unsigned> kinds;
    for (unsigned seed = 1; seed <= kBugSeeds; ++seed) {
        lines_in_reports(seed == 1);
        Report report = gemm.run(seed, GetParam());
        bool wrong = report.empty() && !gemm.right();
        EXPECT_TRUE(!report.empty() || wrong)
            << kNames[GetParam()] << " is not found on seed " << seed;
        EXPECT_TRUE(wrong || names_seed_thread_and_line(report.text, seed, seed == 1))
            << report.text;
        ++kinds[wrong ? "wrong result" : report.kind];
    }
    lines_in_reports(true);
    record_planted_bug(kNames[GetParam()], kinds);
}

INSTANTIATE_TEST_SUITE_P(Gemm, PlantedBug, testing::Range(1, static_cast<int>(kGemmBugs)),
                         [](const auto& info) { return std::to_string(info.param); });

// The same kernel on many seeds: no false report, always right. The slow suite runs it on 2,000.
TEST(Gemm, CorrectOnManySeeds) {
    GemmRunner gemm(64, 128, 384);
    expect_right_on_all_seeds([&](unsigned seed) { return gemm.run(seed, kNoBug); },
                              [&] { ASSERT_TRUE(gemm.right()); });
}

} // namespace
} // namespace cudasim::test
