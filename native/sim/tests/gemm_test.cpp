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
        // What no check can know shows in the result; who stored that is known.
        bool wrong = report.empty() && !gemm.right();
        const std::string text = wrong ? gemm.explain(seed, GetParam()) : report.text;
        EXPECT_FALSE(text.empty()) << kNames[GetParam()] << " is not found on seed " << seed;
        EXPECT_TRUE(names_seed_thread_and_line(text, seed, seed == 1)) << text;
        ++kinds[wrong ? "wrong value, with who stored it" : report.kind];
    }
    lines_in_reports(true);
    record_planted_bug(kNames[GetParam()], kinds);
}

INSTANTIATE_TEST_SUITE_P(Gemm, PlantedBug, testing::Range(1, static_cast<int>(kGemmBugs)),
                         [](const auto& info) { return std::to_string(info.param); });

TEST(Gemm, SwappedRows_NameTheStoreOfTheWrongElement) {
    GemmRunner gemm(64, 64, 64);
    ASSERT_TRUE(gemm.run(3, kSwappedRows).empty());

    const std::string text = gemm.explain(3, kSwappedRows);

    // Element [0][0] was stored by the lane that holds rows 0 and 8, and left by the bulk store.
    for (const char* part :
         {"wrong value at d[0][0]: ",
          "last written by the cp.async.bulk.tensor store of block "
          "(0,0,0) thread (0,0,0) [warp 0 lane 0] of kernel gemm (seed 3",
          "of what was written by the store of block (0,0,0) thread (0,0,0) [warp 0 lane 0]",
          "in store at gemm_kernel.cu:"})
        EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

class WrongLayout : public testing::TestWithParam<int> {};

TEST_P(WrongLayout, NamesBothInstructions) {
    GemmRunner gemm(64, 64, 64);

    Report report = gemm.run(2, GetParam());

    EXPECT_EQ(report.kind, "layout mismatch") << report.text;
    // The load by the thread of warp 4, and the multiplication.
    for (const char* part : {"[warp 4 lane ", "cp_async_bulk_tensor_2d",
                             "in produce at gemm_kernel.cu:", "wgmma_m64n64k16_bf16",
                             "in multiply at gemm_kernel.cu:"})
        EXPECT_NE(report.text.find(part), std::string::npos) << part << "\n" << report.text;
}

INSTANTIATE_TEST_SUITE_P(Gemm, WrongLayout,
                         testing::Values(int{kMapWithoutSwizzle}, int{kWrongStride}));

// The same kernel on many seeds: no false report, always right. The slow suite runs it on 2,000.
TEST(Gemm, CorrectOnManySeeds) {
    GemmRunner gemm(64, 128, 384);
    expect_right_on_all_seeds([&](unsigned seed) { return gemm.run(seed, kNoBug); },
                              [&] { ASSERT_TRUE(gemm.right()); });
}

} // namespace
} // namespace cudasim::test
