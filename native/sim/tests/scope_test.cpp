// SPDX-License-Identifier: MIT
// Scopes and orders of mbarriers, atomics, loads, stores and fences, by the memory consistency
// model of the PTX ISA.
#include <gtest/gtest.h>

#include "sim_test.h"

extern "C" {
extern const di_sim_kernel_info di_sim_kernel_barrier_scopes, di_sim_kernel_strong_pair,
    di_sim_kernel_hand_over, di_sim_kernel_failing_swap, di_sim_kernel_parts, di_sim_kernel_halves,
    di_sim_kernel_overwritten, di_sim_kernel_narrow_fence, di_sim_kernel_lock;
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

enum Kind { Load, Store, Add, Reduce, BulkReduce };
struct Strong { // as the kernel has it
    int kind, scope;
    int offset = 0, bytes = 4;
};
constexpr int kGpu = DI_SIM_GPU, kSys = DI_SIM_SYS;

struct PairCase {
    const char* name;
    Strong first, second;
    bool one_block;
    bool right;
    std::vector<std::string> texts; // of the report
    bool cluster = false;
};

class StrongPairs : public testing::TestWithParam<PairCase> {
  protected:
    static Report run(unsigned seed, bool ordered) {
        const PairCase& c = GetParam();
        Buffer<unsigned char> word(16, 0);
        Buffer<std::uint32_t> flag(1, 0u);
        Dims dims;
        dims.grid = {c.one_block ? 1u : 2u, 1, 1};
        dims.cluster = {c.cluster ? 2u : 1u, 1, 1};
        dims.block = {64, 1, 1};
        dims.shared = 64;
        dims.seed = seed;
        // Two host threads that check the same byte at the same moment may miss each other.
        dims.workers = c.right || ordered ? seed % 2 + 1 : 1;
        return launch(di_sim_kernel_strong_pair, dims, word.data(), flag.data(), c.first, c.second,
                      c.one_block ? 1 : 0, ordered ? 1 : 0);
    }
};

TEST_P(StrongPairs, UnorderedAndNotMorallyStrong_Race) {
    const PairCase& c = GetParam();
    expect_reports(c.right ? "" : "race", c.texts, [](unsigned seed) { return run(seed, false); });
}

TEST_P(StrongPairs, Ordered_DoNot) {
    expect_reports("", {}, [](unsigned seed) { return run(seed, true); });
}

const PairCase kPairCases[] = {
    {"Gpu", {Add, kGpu}, {Add, kGpu}, false, true, {}},
    {"Mixed", {Store, kGpu}, {Load, kSys}, false, true, {}},
    {"BlockInOneBlock", {Add, kCta}, {Reduce, kCta}, true, true, {}},
    {"BlockAndGpuInOneBlock", {Store, kCta}, {Add, kGpu}, true, true, {}},
    {"TwoLoads", {Load, kCta}, {Load, kCta, 2, 2}, false, true, {}},
    {"Neighbours", {Add, kCta}, {Add, kCta, 4}, false, true, {}},
    {"Cluster", {Add, kCluster}, {Add, kCluster}, false, true, {}, true},
    {"BulkReductions", {BulkReduce, kGpu}, {BulkReduce, kGpu}, false, true, {}},
    {"Block",
     {Add, kCta},
     {Add, kCta},
     false,
     false,
     {"block (0,0,0) thread (0,0,0)", "block (1,0,0) thread (0,0,0)",
      "    at strong_pair at scope_kernels.cu", "scope .cta here and .cta there",
      "different blocks;", "both must have scope .gpu or wider"}},
    {"BlockAndGpu",
     {Add, kCta},
     {Add, kGpu},
     false,
     false,
     {"scope .", "different blocks;", "access must have scope .gpu or wider"}},
    {"BlockInCluster",
     {Store, kCta},
     {Load, kCluster},
     false,
     false,
     {"different blocks of a cluster;", "access must have scope .cluster or wider"},
     true},
    {"ClusterBetweenClusters",
     {Reduce, kCluster},
     {Store, kCluster},
     false,
     false,
     {"both must have scope .gpu or wider"}},
    {"PartOfAWord",
     {Add, kGpu, 0, 8},
     {Add, kGpu, 4, 4},
     false,
     false,
     {"overlap in part", "8 bytes", "4 bytes", "the same size"}},
    {"HalfOfAWord", {Store, kGpu, 0, 4}, {Load, kGpu, 2, 2}, true, false, {"overlap in part"}},
    {"OtherProxy", {BulkReduce, kGpu}, {Add, kGpu}, false, false, {"async proxy"}},
};
INSTANTIATE_TEST_SUITE_P(Strong, StrongPairs, testing::ValuesIn(kPairCases),
                         [](const auto& info) { return std::string(info.param.name); });

struct HandOver {
    int give, take;
    bool right;
};
class HandOvers : public testing::TestWithParam<HandOver> {};

TEST_P(HandOvers, OrderByPatternsOnly) {
    const HandOver c = GetParam();
    expect_reports(c.right ? "" : "race", {}, [&](unsigned seed) {
        Buffer<std::uint32_t> data(2), words(3, 0u);
        Dims dims;
        dims.grid = {2, 1, 1};
        dims.block = {64, 1, 1};
        dims.seed = seed;
        dims.workers = c.right ? seed % 2 + 1 : 1;
        return launch(di_sim_kernel_hand_over, dims, data.data(), words.data(), words.data() + 1,
                      c.give, c.take);
    });
}
INSTANTIATE_TEST_SUITE_P(Patterns, HandOvers,
                         testing::Values(HandOver{0, 0, true}, HandOver{0, 5, true},
                                         // A compare-and-swap releases if it writes.
                                         HandOver{1, 0, true}, HandOver{2, 0, false},
                                         // One that fails acquires, if its order says so.
                                         HandOver{0, 1, true}, HandOver{0, 2, false},
                                         // A reduction reads nothing that a fence could acquire.
                                         HandOver{0, 3, true}, HandOver{0, 4, false},
                                         // What goes on standing for the release.
                                         HandOver{3, 0, true}, HandOver{4, 0, false},
                                         HandOver{5, 0, true}),
                         [](const auto& info) {
                             return "Give" + std::to_string(info.param.give) + "Take" +
                                    std::to_string(info.param.take);
                         });

TEST(CompareAndSwap, ThatFails_IsNoWrite) {
    for (std::uint32_t compare = 0; compare < 2; ++compare) {
        expect_reports(compare == 0 ? "race" : "", {}, [&](unsigned seed) {
            Buffer<std::uint32_t> word(1, 0u), out(1);
            Dims dims;
            dims.grid = {2, 1, 1};
            dims.block = {1, 1, 1};
            dims.seed = seed;
            return launch(di_sim_kernel_failing_swap, dims, word.data(), out.data(), compare);
        });
    }
}

Report parts(unsigned seed, int bytes, int part) {
    Buffer<unsigned char> word(16, 0);
    Buffer<std::uint32_t> data(8);
    Dims dims;
    dims.grid = {1 + static_cast<unsigned>(bytes / part), 1, 1};
    dims.block = {1, 1, 1};
    dims.seed = seed;
    dims.workers = bytes == 8 && part == 4 ? 1 : seed % 2 + 1;
    return launch(di_sim_kernel_parts, dims, word.data(), data.data(), bytes, part);
}

TEST(Sizes, ElementsOfAVector_AreAcquiredOneByOne) {
    for (int part : {4, 8, 16})
        expect_reports("", {}, [&](unsigned seed) { return parts(seed, 16, part); });
    expect_reports("", {}, [&](unsigned seed) { return parts(seed, 8, 8); });
}

TEST(Sizes, HalfOfAReleasedWord_IsAMixedSizeRace) {
    expect_reports("race", {"overlap in part", "8 bytes", "4 bytes"},
                   [](unsigned seed) { return parts(seed, 8, 4); });
}

TEST(Sizes, HalvesOfAWord_AreApart) {
    expect_reports("", {}, [](unsigned seed) {
        Buffer<std::uint16_t> word(2, std::uint16_t{0});
        Buffer<std::uint32_t> data(4);
        Dims dims;
        dims.grid = {4, 1, 1};
        dims.block = {1, 1, 1};
        dims.seed = seed;
        dims.workers = seed % 2 + 1;
        return launch(di_sim_kernel_halves, dims, word.data(), data.data());
    });
}

TEST(Scopes, ValueAndRelease_AreReadTogether) {
    for (unsigned seed = 1; seed <= 200; ++seed) {
        Buffer<std::uint32_t> data(12), flag(1, 0u);
        Dims dims;
        dims.grid = {12, 1, 1};
        dims.block = {1, 1, 1};
        dims.seed = seed;
        dims.workers = 2;
        Report report = launch(di_sim_kernel_overwritten, dims, data.data(), flag.data());
        ASSERT_TRUE(report.empty()) << report.text;
    }
}

TEST(Scopes, FenceOfTheBlock_NamesBothScopes) {
    const std::vector<std::string> texts[] = {
        {"released with scope .cta", "the release must have scope .gpu or wider"},
        {"has not acquired it", "with scope .gpu or wider"},
        {}};
    for (int how = 0; how < 3; ++how) {
        expect_reports(how < 2 ? "race" : "", texts[how], [&](unsigned seed) {
            Buffer<std::uint32_t> data(2), flag(1, 0u);
            Dims dims;
            dims.grid = {2, 1, 1};
            dims.block = {1, 1, 1};
            dims.seed = seed;
            return launch(di_sim_kernel_narrow_fence, dims, data.data(), flag.data(), how);
        });
    }
}

TEST(Scopes, Lock_OrdersWhoHoldsIt) {
    for (int how = 0; how < 3; ++how) {
        expect_reports(how == 0 ? "" : "race", {}, [&](unsigned seed) {
            Buffer<std::uint32_t> word(1, 0u), count(1, 0u);
            Dims dims;
            dims.grid = {8, 1, 1};
            dims.seed = seed;
            dims.workers = how == 0 ? seed % 2 + 1 : 1;
            Report report = launch(di_sim_kernel_lock, dims, word.data(), count.data(), how);
            EXPECT_TRUE(!report.empty() || count[0] == 8) << count[0];
            return report;
        });
    }
}

} // namespace
} // namespace cudasim::test
