// SPDX-License-Identifier: MIT
// Addresses of other blocks of a cluster: which instructions take them, and the rules of copies
// between blocks.
#include <gtest/gtest.h>

#include "gemm_runner.h"
#include "window_cases.h"

extern "C" {
extern const di_sim_kernel_info di_sim_kernel_own_window, di_sim_kernel_send;
}

namespace cudasim::test {
namespace {

constexpr unsigned kSeeds = 8;
constexpr std::uint32_t kStorage = 5120;

Dims pair_of_blocks(unsigned seed) {
    Dims dims;
    dims.grid = {2, 1, 1};
    dims.cluster = {2, 1, 1};
    dims.shared = kStorage;
    dims.seed = seed;
    return dims;
}

const char* const kInstructions[kOwnWindows] = {"ldmatrix",
                                                "stmatrix",
                                                "mbarrier.init",
                                                "mbarrier.inval",
                                                "mbarrier.arrive",
                                                "mbarrier.arrive.expect_tx",
                                                "mbarrier.expect_tx",
                                                "mbarrier wait",
                                                "mbarrier wait",
                                                "cp.async",
                                                "cp.async.mbarrier.arrive",
                                                "cp.async.bulk store",
                                                "cp.reduce.async.bulk",
                                                "cp.async.bulk.tensor store",
                                                "cp.reduce.async.bulk.tensor",
                                                "cp.async.bulk between blocks",
                                                "cvta.shared"};

class OwnWindows : public testing::TestWithParam<int> {};

TEST_P(OwnWindows, AddressOfAnotherBlock_IsReportedWithItsOwner) {
    Buffer<float> global(1024, 0.0f);
    TensorMap map = map_2d(global.data(), TensorType::F32, 32, 32, 32, 8, 0);
    auto* bytes = reinterpret_cast<unsigned char*>(global.data());
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        Report r =
            launch(di_sim_kernel_own_window, pair_of_blocks(seed), map, bytes, GetParam(), 0u);
        // What these leave behind is another matter.
        bool unfinished = GetParam() == kMbarrierArrive || GetParam() == kMbarrierArriveExpect;
        EXPECT_TRUE(r.empty() || (unfinished && r.kind == "unfinished mbarrier phase")) << r.text;
        r = launch(di_sim_kernel_own_window, pair_of_blocks(seed), map, bytes, GetParam(), 1u);
        EXPECT_EQ(r.kind, "address of another block") << r.text;
        EXPECT_NE(r.text.find(std::string(kInstructions[GetParam()]) + ": shared address 0x1"),
                  std::string::npos)
            << r.text;
        EXPECT_NE(r.text.find("belongs to block rank 1"), std::string::npos) << r.text;
        EXPECT_NE(r.text.find("block (0,0,0) thread ("), std::string::npos) << r.text;
    }
}
INSTANTIATE_TEST_SUITE_P(All, OwnWindows, testing::Range(0, static_cast<int>(kOwnWindows)));

struct SendCase {
    int how;
    const char *kind, *text;
};
class Sends : public testing::TestWithParam<SendCase> {};

TEST_P(Sends, CopyBetweenBlocks_KeepsTheRules) {
    Buffer<std::uint32_t> out(32);
    for (unsigned seed = 1; seed <= 20; ++seed) {
        for (unsigned i = 0; i < 32; ++i)
            out[i] = 0;
        Report r = launch(di_sim_kernel_send, pair_of_blocks(seed), out.data(), GetParam().how);
        ASSERT_EQ(r.kind, GetParam().kind) << seed << r.text;
        EXPECT_NE(r.text.find(GetParam().text), std::string::npos) << r.text;
        for (unsigned i = 0; i < 32 && r.empty(); ++i)
            ASSERT_EQ(out[i], i);
    }
}
INSTANTIATE_TEST_SUITE_P(
    All, Sends,
    testing::Values(SendCase{kSendRight, "", ""}, SendCase{kSendToItself, "", ""},
                    SendCase{kSendOddSize, "misaligned address", "of 120 bytes"},
                    SendCase{kSendNothing, "misaligned address", "of 0 bytes"},
                    SendCase{kSendOddSource, "misaligned address", "multiple of 16"},
                    SendCase{kSendOddDestination, "misaligned address", "multiple of 16"},
                    SendCase{kSendBeyondSource, "shared memory out of bounds", "128 bytes"},
                    SendCase{kSendBeyondDestination, "shared memory out of bounds", "128 bytes"},
                    SendCase{kSendBarrierElsewhere, "address of another block", "in block rank 0"},
                    SendCase{kSendToNobody, "invalid address", "block rank 2"},
                    SendCase{kSendAndExit, "exit with copies in flight",
                             "shared memory to another block"}));

} // namespace
} // namespace cudasim::test
