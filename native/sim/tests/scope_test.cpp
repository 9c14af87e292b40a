// SPDX-License-Identifier: MIT
// Scopes and orders of mbarriers, atomics, loads, stores and fences, by the memory consistency
// model of the PTX ISA.
#include <gtest/gtest.h>

#include "sim_test.h"

extern "C" {
extern const di_sim_kernel_info di_sim_kernel_barrier_scopes;
}

namespace cudasim::test {
namespace {

constexpr unsigned kSeeds = 20;
constexpr int kFence = -1;

// Every seed has to give this kind and, if there is a report, all of the texts.
template <typename Run>
void expect_reports(const std::string& kind, const std::vector<std::string>& texts, Run run) {
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        const Report report = run(seed);
        ASSERT_EQ(report.kind, kind) << "seed " << seed << ": " << report.text;
        for (const std::string& text : texts)
            ASSERT_NE(report.text.find(text), std::string::npos)
                << "seed " << seed << ", without '" << text << "': " << report.text;
    }
}

struct BarrierCase {
    const char* name;
    int remote, arrive_order, arrive_scope, wait_order, wait_scope;
    bool right;
    std::vector<std::string> texts; // of the report
};

class BarrierScopes : public testing::TestWithParam<BarrierCase> {};

TEST_P(BarrierScopes, OrderOnlyWhatBothScopesInclude) {
    const BarrierCase& c = GetParam();
    Buffer<std::uint32_t> data(2);
    expect_reports(c.right ? "" : "race", c.texts, [&](unsigned seed) {
        Dims dims;
        dims.grid = dims.cluster = {2, 1, 1};
        dims.block = {64, 1, 1};
        dims.shared = 64;
        dims.seed = seed;
        return launch(di_sim_kernel_barrier_scopes, dims, data.data(), c.remote, c.arrive_order,
                      c.arrive_scope, c.wait_order, c.wait_scope);
    });
    if (c.right) {
        EXPECT_EQ(data[1], 7u);
    }
}

constexpr int kCta = DI_SIM_CTA, kCluster = DI_SIM_CLUSTER, kRelaxed = DI_SIM_RELAXED,
              kAcquire = DI_SIM_ACQUIRE, kRelease = DI_SIM_RELEASE;
const BarrierCase kBarrierCases[] = {
    {"Local", 0, kRelease, kCta, kAcquire, kCta, true, {}},
    {"LocalFences", 0, kFence, kCta, kFence, kCta, true, {}},
    {"LocalMixed", 0, kRelease, kCluster, kAcquire, kCta, true, {}},
    {"Remote", 1, kRelease, kCluster, kAcquire, kCluster, true, {}},
    {"RemoteFences", 1, kFence, kCluster, kFence, kCluster, true, {}},
    {"RemoteFenceBefore", 1, kFence, kCluster, kAcquire, kCluster, true, {}},
    {"RelaxedArrive", 0, kRelaxed, kCta, kAcquire, kCta, false, {"thread (32,0,0)"}},
    {"RelaxedWait",
     0,
     kRelease,
     kCta,
     kRelaxed,
     kCta,
     false,
     {"thread (32,0,0)", "mbarrier at shared memory offset 0", "has not acquired"}},
    {"RemoteRelaxedArrive", 1, kRelaxed, kCluster, kAcquire, kCluster, false, {"block (1,0,0)"}},
    {"RemoteRelaxedWait", 1, kRelease, kCluster, kRelaxed, kCluster, false, {"has not acquired"}},
    {"RemoteArriveOfTheBlock",
     1,
     kRelease,
     kCta,
     kAcquire,
     kCluster,
     false,
     {"block (1,0,0)", "released with scope .cta, acquired with scope .cluster",
      "the release must have scope .cluster"}},
    {"RemoteWaitOfTheBlock",
     1,
     kRelease,
     kCluster,
     kAcquire,
     kCta,
     false,
     {"block (1,0,0)", "released with scope .cluster, acquired with scope .cta",
      "the acquire must have scope .cluster"}},
    {"RemoteBothOfTheBlock",
     1,
     kRelease,
     kCta,
     kAcquire,
     kCta,
     false,
     {"both must have scope .cluster"}},
    {"RemoteFenceOfTheBlock", 1, kFence, kCta, kAcquire, kCluster, false, {"the release must"}},
    {"RemoteFenceOfTheBlockAfter",
     1,
     kRelease,
     kCluster,
     kFence,
     kCta,
     false,
     {"has not acquired", "with scope .cluster"}},
};
INSTANTIATE_TEST_SUITE_P(Mbarrier, BarrierScopes, testing::ValuesIn(kBarrierCases),
                         [](const auto& info) { return std::string(info.param.name); });

} // namespace
} // namespace cudasim::test
