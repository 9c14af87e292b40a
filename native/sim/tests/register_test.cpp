// SPDX-License-Identifier: MIT
// Registers of wgmma: none may be touched between wgmma.fence and the operation that uses it, nor
// before the wait for that operation (PTX ISA, wgmma.fence and wgmma.wait_group).
#include <gtest/gtest.h>

#include "planted_bugs.h"
#include "register_cases.h"
#include "sim_test.h"

extern "C" {
extern const di_sim_kernel_info di_sim_kernel_registers;
}

namespace cudasim::test {
namespace {

struct RegisterCase {
    const char* name;
    int how;
    const char *kind, *text;
    float want = 16;
};

class WgmmaRegisters : public testing::TestWithParam<RegisterCase> {};

TEST_P(WgmmaRegisters, TouchedInTheWrongPlace_AreReported) {
    const RegisterCase& c = GetParam();
    std::map<std::string, unsigned> found;
    for (unsigned seed = 1; seed <= kBugSeeds; ++seed) {
        lines_in_reports(seed == 1);
        Buffer<float> out(1025, 0.0f);
        Dims dims;
        dims.block = {128, 1, 1};
        dims.shared = 1024;
        dims.seed = seed;
        Report r = launch(di_sim_kernel_registers, dims, out.data(), c.how);
        ASSERT_EQ(r.kind, c.kind) << seed << r.text;
        ++found[r.kind];
        if (!r.empty()) {
            EXPECT_NE(r.text.find(c.text), std::string::npos) << r.text;
            EXPECT_TRUE(names_seed_thread_and_line(r.text, seed, seed == 1)) << r.text;
            continue;
        }
        for (unsigned i = 0; i < 1024; ++i)
            ASSERT_EQ(out[i], c.want) << i;
    }
    lines_in_reports(true);
    if (*c.kind != '\0')
        record_planted_bug((std::string("wgmma: ") + c.name).c_str(), found);
}

constexpr const char *kFence = "missing wgmma.fence", *kFlying = "registers of wgmma in flight";

INSTANTIATE_TEST_SUITE_P(
    All, WgmmaRegisters,
    testing::Values(
        RegisterCase{"right", kRegistersRight, "", ""},
        RegisterCase{"no fence", kNoFence, kFence, "before the first wgmma.fence"},
        RegisterCase{"accumulator written after the fence", kAccumulatorWrittenAfterFence, kFence,
                     "register 5 of the accumulator"},
        RegisterCase{"fragment of A written after the fence", kFragmentWrittenAfterFence, kFence,
                     "register 2 of A's fragment"},
        RegisterCase{"accumulator read before the wait", kAccumulatorReadBeforeWait, kFlying,
                     "read of 4 bytes: register 5 of the accumulator"},
        RegisterCase{"accumulator written before the wait", kAccumulatorWrittenBeforeWait, kFlying,
                     "write of 4 bytes: register 5 of the accumulator"},
        RegisterCase{"fragment of A written before the wait", kFragmentWrittenBeforeWait, kFlying,
                     "write of 4 bytes: register 2 of A's fragment"},
        RegisterCase{"fragment of A read before the wait", kFragmentReadBeforeWait, "", ""},
        RegisterCase{"accumulator read, then used without a fence", kUsedAgainWithoutFence, kFence,
                     "register 5 of the accumulator"},
        RegisterCase{"not touched between two", kNotTouchedBetween, "", "", 32},
        RegisterCase{"accumulator read after the wait for another", kSecondReadAfterTheFirstsWait,
                     kFlying, "read of 4 bytes: register 5 of the accumulator"},
        RegisterCase{"accumulator read after its own wait", kFirstReadAfterItsWait, "", ""}));

} // namespace
} // namespace cudasim::test
