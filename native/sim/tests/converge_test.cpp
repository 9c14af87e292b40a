// SPDX-License-Identifier: MIT
// Aligned instructions and warp collectives: the lanes of a warp wait for each other.
#include <gtest/gtest.h>

#include "converge_cases.h"
#include "sim_test.h"

extern "C" {
extern const di_sim_kernel_info di_sim_kernel_run_ahead, di_sim_kernel_come_together;
}

namespace cudasim::test {
namespace {

constexpr unsigned kSeeds = 8;

const char* const kNames[kConverges] = {"wgmma.fence",
                                        "wgmma.commit_group",
                                        "wgmma.wait_group",
                                        "setmaxnreg",
                                        "elect.sync",
                                        "__shfl_sync",
                                        "vote",
                                        "__match_any_sync",
                                        "__reduce_sync",
                                        "ldmatrix",
                                        "stmatrix",
                                        "mma.sync",
                                        "barrier.cluster.arrive",
                                        "barrier.cluster.wait",
                                        "bar.arrive",
                                        "barrier 1"};

Dims warpgroup(unsigned seed) {
    Dims dims;
    dims.block = {128, 1, 1};
    dims.shared = 4096;
    dims.seed = seed;
    return dims;
}

class Converging : public testing::TestWithParam<int> {};

TEST_P(Converging, NoLaneRunsAhead_AndTheReportSaysWhereEachIs) {
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        Report r = launch(di_sim_kernel_run_ahead, warpgroup(seed), GetParam());
        ASSERT_EQ(r.kind, "deadlock") << seed << r.text;
        std::string first = std::string("warp 0 lanes 0x00000020: waits for ") + kNames[GetParam()];
        EXPECT_NE(r.text.find(first), std::string::npos) << r.text;
        EXPECT_NE(r.text.find("warp 0 lanes 0xffffffdf: waits for mbarrier"), std::string::npos)
            << r.text;
        EXPECT_NE(r.text.find("in run_ahead at converge_kernels.cu:"), std::string::npos) << r.text;
    }
}

TEST_P(Converging, LanesOnTheirOwnWays_ComeTogether) {
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        Report r = launch(di_sim_kernel_come_together, warpgroup(seed), GetParam(), 0);
        ASSERT_TRUE(r.empty()) << seed << r.text;
    }
}

TEST_P(Converging, LaneThatHasExited_IsReportedWhereItIsNeeded) {
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        Report r = launch(di_sim_kernel_come_together, warpgroup(seed), GetParam(), 1);
        if (GetParam() < kConvergeClusterArrive) {
            ASSERT_EQ(r.kind, "divergent collective") << seed << r.text;
            EXPECT_NE(r.text.find(kNames[GetParam()]), std::string::npos) << r.text;
            EXPECT_NE(r.text.find("exited"), std::string::npos) << r.text;
        } else if (GetParam() != kConvergeSync) { // its count has this thread
            ASSERT_TRUE(r.empty()) << seed << r.text;
        }
    }
}

TEST_P(Converging, LaneThatWaitsElsewhere_IsReportedWithEachLanesPlace) {
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        Report r = launch(di_sim_kernel_come_together, warpgroup(seed), GetParam(), 2);
        ASSERT_EQ(r.kind, "divergent collective") << seed << r.text;
        EXPECT_NE(r.text.find("\n  lanes 0x"), std::string::npos) << r.text;
        EXPECT_NE(r.text.find(kNames[GetParam()]), std::string::npos) << r.text;
        EXPECT_NE(r.text.find("vote"), std::string::npos) << r.text;
    }
}

INSTANTIATE_TEST_SUITE_P(All, Converging, testing::Range(0, static_cast<int>(kConverges)));

} // namespace
} // namespace cudasim::test
