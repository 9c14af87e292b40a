// SPDX-License-Identifier: MIT
// Bulk reductions, multicast and prefetch, states and transactions of mbarriers, reductions in a
// cluster, against their scalar definitions.
#include <gtest/gtest.h>

#include <vector>

#include "reference_reduce.h"
#include "sim_test.h"

extern "C" {
extern const di_sim_kernel_info di_sim_kernel_bulk_reduce, di_sim_kernel_bulk_multicast,
    di_sim_kernel_bulk_prefetch, di_sim_kernel_barrier_states, di_sim_kernel_transactions,
    di_sim_kernel_cluster_reductions, di_sim_kernel_timer;
}

namespace cudasim::test {
namespace {

constexpr unsigned kSeeds = 12;

Dims dims_of(unsigned seed, unsigned blocks) {
    Dims dims;
    dims.grid = dims.cluster = {blocks, 1, 1};
    dims.shared = 5120;
    dims.seed = seed;
    return dims;
}

struct Reduction {
    const char* name;
    bool to_cluster;
    int operation, type;
};
const Reduction kReductions[] = {
#define TO_GLOBAL(name, operation, type) {#name, false, operation, type},
#define TO_CLUSTER(name, operation, type) {"to_cluster_" #name, true, operation, type},
#include "bulk_reductions.inc"
#undef TO_GLOBAL
#undef TO_CLUSTER
};
constexpr int kReductionCount = sizeof kReductions / sizeof kReductions[0];

class BulkReductions : public testing::TestWithParam<int> {};

TEST_P(BulkReductions, EachElement_IsCombined) {
    const Reduction& r = kReductions[GetParam()];
    const unsigned bytes = 256, element = reduce_bytes(r.type);
    for (unsigned seed = 1; seed <= 4; ++seed) {
        Rng rng(seed + static_cast<unsigned>(GetParam()) * 10);
        Buffer<unsigned char> in(bytes), out(bytes);
        std::vector<unsigned char> want(bytes);
        for (unsigned i = 0; i < bytes; i += element) {
            std::uint64_t value = reduce_operand(r.type, rng), old = reduce_operand(r.type, rng);
            std::memcpy(in.data() + i, &value, element);
            std::memcpy(out.data() + i, &old, element);
            value = old = 0;
            std::memcpy(&value, in.data() + i, element);
            std::memcpy(&old, out.data() + i, element);
            old = reduced(r.type, r.operation, old, value);
            if (r.to_cluster) // from both blocks
                old = reduced(r.type, r.operation, old, value);
            std::memcpy(&want[i], &old, element);
        }
        Report report = launch(di_sim_kernel_bulk_reduce, dims_of(seed, 2), in.data(), out.data(),
                               bytes, GetParam());
        ASSERT_TRUE(report.empty()) << report.text;
        for (unsigned i = 0; i < bytes; ++i)
            ASSERT_EQ(out[i], want[i]) << i;
    }
}
INSTANTIATE_TEST_SUITE_P(All, BulkReductions, testing::Range(0, kReductionCount),
                         [](const auto& info) { return kReductions[info.param].name; });

TEST(BulkCopies, Multicast_ReachesBothBlocks) {
    Buffer<unsigned char> in(512), out(1024);
    for (unsigned i = 0; i < 512; ++i)
        in[i] = static_cast<unsigned char>(i * 5 + i / 256);
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        Report r =
            launch(di_sim_kernel_bulk_multicast, dims_of(seed, 2), in.data(), out.data(), 512u);
        ASSERT_TRUE(r.empty()) << r.text;
        for (unsigned i = 0; i < 1024; ++i)
            ASSERT_EQ(out[i], in[i % 512]);
    }
}

TEST(BulkCopies, Prefetch_KeepsTheRulesOfCopies) {
    Buffer<unsigned char> in(512);
    auto kind = [&](unsigned offset, unsigned bytes) {
        return launch(di_sim_kernel_bulk_prefetch, dims_of(1, 1), in.data(), offset, bytes).kind;
    };
    EXPECT_EQ(kind(0, 512), "");
    EXPECT_EQ(kind(8, 64), "misaligned address");
    EXPECT_EQ(kind(0, 24), "misaligned address");
    EXPECT_EQ(kind(256, 512), "global memory out of bounds");
}

TEST(Mbarrier, WaitForAState_TakesWhatWasReleased) {
    Buffer<std::uint32_t> out(96);
    for (unsigned seed = 1; seed <= kSeeds; ++seed)
        for (int how = 0; how < 4; ++how) {
            Report r = launch(di_sim_kernel_barrier_states, dims_of(seed, 1), out.data(), how);
            if (how >= 2) {
                ASSERT_EQ(r.kind, how == 2 ? "race" : "invalid argument") << seed << r.text;
                continue;
            }
            ASSERT_TRUE(r.empty()) << r.text;
            for (unsigned i = 0; i < 96; ++i)
                ASSERT_EQ(out[i], i / 32 * 100 + (i % 32 ^ 9));
        }
}

TEST(Mbarrier, TransactionsWithoutACopy_EndThePhase) {
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        Buffer<std::uint32_t> out(2, 0u);
        Report r = launch(di_sim_kernel_transactions, dims_of(seed, 2), out.data());
        ASSERT_TRUE(r.empty()) << r.text;
        ASSERT_EQ(out[0], 5u);
        ASSERT_EQ(out[1], 7u);
    }
}

TEST(Clusters, ReductionsInSharedMemory_CountAllThreads) {
    Buffer<std::uint32_t> out(8);
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        Report r = launch(di_sim_kernel_cluster_reductions, dims_of(seed, 2), out.data());
        ASSERT_TRUE(r.empty()) << r.text;
        std::uint32_t cleared = 0xffffffffu, any = 0, odd = 0;
        std::uint64_t sum = 0;
        for (unsigned i = 0; i < 64; ++i) {
            sum += std::uint64_t{i} << 30;
            cleared &= ~(1u << i % 8);
            any |= 1u << i % 20;
            odd ^= 1u << i % 30;
        }
        const std::uint32_t want[] = {static_cast<std::uint32_t>(sum),
                                      static_cast<std::uint32_t>(sum >> 32),
                                      63u * 64 / 2,
                                      3,
                                      cleared,
                                      63,
                                      any,
                                      odd};
        for (unsigned i = 0; i < 8; ++i)
            EXPECT_EQ(out[i], want[i]) << i;
    }
}

TEST(Special, GlobalTimer_MovesOn) {
    Buffer<unsigned long long> out(32);
    Report r = launch(di_sim_kernel_timer, dims_of(1, 1), out.data());
    ASSERT_TRUE(r.empty()) << r.text;
    for (unsigned i = 0; i < 32; ++i)
        ASSERT_GT(out[i], 0u);
}

} // namespace
} // namespace cudasim::test
