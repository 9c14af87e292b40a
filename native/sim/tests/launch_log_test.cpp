// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include <unistd.h>

#include "sim_test.h"

extern "C" {
extern const di_sim_kernel_info di_sim_kernel_fill, di_sim_kernel_deadlock;
}

namespace cudasim::test {
namespace {

constexpr const char* kVariable = "DEEPINFRA_CUDASIM_LAUNCHES";

// In a process of its own: the simulator reads the variable once.
[[noreturn]] void launch_some() {
    Buffer<unsigned> out(32);
    for (std::uint64_t seed : {7, 7, 8}) {
        Dims dims;
        dims.seed = seed;
        if (!launch(di_sim_kernel_fill, dims, out.data(), 32u).empty())
            std::exit(2);
    }
    if (launch(di_sim_kernel_deadlock, Dims{}).empty())
        std::exit(3);
    std::exit(0);
}

TEST(LaunchLog, KernelsWithoutReport_AreWrittenOncePerSeed) {
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    bool is_parent = std::getenv(kVariable) == nullptr;
    std::string path = testing::TempDir() + "/cudasim-launches-" + std::to_string(getpid());
    if (is_parent)
        setenv(kVariable, path.c_str(), 1);

    EXPECT_EXIT(launch_some(), testing::ExitedWithCode(0), "");

    unsetenv(kVariable);
    std::ifstream file(path);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    unlink(path.c_str());
    EXPECT_EQ(text, "7\tfill\n8\tfill\n");
}

} // namespace
} // namespace cudasim::test
