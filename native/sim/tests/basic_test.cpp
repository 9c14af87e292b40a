// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>

#include "sim_test.h"

extern "C" {
extern const di_sim_kernel_info di_sim_kernel_fill, di_sim_kernel_broadcast,
    di_sim_kernel_block_sum, di_sim_kernel_divergent_sync, di_sim_kernel_deadlock,
    di_sim_kernel_read_then_write, di_sim_kernel_read_often, di_sim_kernel_early_exit,
    di_sim_kernel_warp_ops, di_sim_kernel_missing_lane, di_sim_kernel_shared_out_of_bounds,
    di_sim_kernel_global_access, di_sim_kernel_misaligned, di_sim_kernel_uninitialised,
    di_sim_kernel_lane_exchange, di_sim_kernel_count, di_sim_kernel_message,
    di_sim_kernel_message_fence, di_sim_kernel_trap_if, di_sim_kernel_sync_many,
    di_sim_kernel_aligned_steps, di_sim_kernel_bytes_and_vectors;
}

namespace cudasim::test {
namespace {

constexpr unsigned kSeeds = 20;

TEST(Launch, Fill_ManyBlocks_WritesEveryElement) {
    Buffer<unsigned> out(1000);
    Dims dims;
    dims.grid = {8, 1, 1};
    dims.block = {128, 1, 1};

    Report report = launch(di_sim_kernel_fill, dims, out.data(), 1000u);

    EXPECT_TRUE(report.empty()) << report.text;
    for (unsigned i = 0; i < 1000; ++i)
        ASSERT_EQ(out[i], i * 3 + 1);
}

TEST(Launch, BlockSum_AllSeedsAndPolicies_Right) {
    Buffer<unsigned> in(4 * 256), out(4);
    for (unsigned i = 0; i < 1024; ++i)
        in[i] = i;
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        Dims dims;
        dims.grid = {4, 1, 1};
        dims.block = {256, 1, 1};
        dims.shared = 1024;
        dims.seed = seed;
        Report report = launch(di_sim_kernel_block_sum, dims, in.data(), out.data(), 0);
        ASSERT_TRUE(report.empty()) << report.text;
        for (unsigned b = 0; b < 4; ++b)
            ASSERT_EQ(out[b], b * 65536 + 255 * 128);
    }
}

TEST(Races, BlockSum_WithoutSync_IsARaceOnEverySeed) {
    Buffer<unsigned> in(256, 1), out(1);
    std::string got = kind_on_all_seeds(kSeeds, "race", [&](unsigned seed) {
        Dims dims;
        dims.block = {256, 1, 1};
        dims.shared = 1024;
        dims.seed = seed;
        return launch(di_sim_kernel_block_sum, dims, in.data(), out.data(), 1);
    });
    // A thread may also be the first to look at an element.
    EXPECT_TRUE(got == "race" || got.find("uninitialised read") != std::string::npos) << got;
}

TEST(Races, Report_NamesThreadsPlacesAndSeed) {
    Buffer<unsigned> out(32);
    Dims dims;
    dims.shared = 128;
    dims.seed = 3;

    Report report = launch(di_sim_kernel_lane_exchange, dims, out.data(), 0);

    EXPECT_TRUE(report.kind == "race" || report.kind == "uninitialised read") << report.text;
    EXPECT_NE(report.text.find("seed 3"), std::string::npos) << report.text;
    EXPECT_NE(report.text.find("thread ("), std::string::npos) << report.text;
    EXPECT_NE(report.text.find("lane_exchange"), std::string::npos) << report.text;
    EXPECT_NE(report.text.find("basic_kernels.cu:"), std::string::npos) << report.text;
}

TEST(Races, LaneExchange_WithSyncWarp_Right) {
    Buffer<unsigned> out(32);
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        Dims dims;
        dims.shared = 128;
        dims.seed = seed;
        Report report = launch(di_sim_kernel_lane_exchange, dims, out.data(), 1);
        ASSERT_TRUE(report.empty()) << report.text;
        for (unsigned i = 0; i < 32; ++i)
            ASSERT_EQ(out[i], i ^ 1);
    }
}

TEST(Barriers, DivergentSync_IsReported) {
    EXPECT_EQ(kind_on_all_seeds(kSeeds, "divergent barrier",
                                [](unsigned seed) {
                                    Dims dims;
                                    dims.block = {64, 1, 1};
                                    dims.seed = seed;
                                    return launch(di_sim_kernel_divergent_sync, dims);
                                }),
              "divergent barrier");
}

TEST(Barriers, Deadlock_NamesWhoWaitsForWhat) {
    Dims dims;
    dims.block = {64, 1, 1};

    Report report = launch(di_sim_kernel_deadlock, dims);

    EXPECT_EQ(report.kind, "deadlock");
    EXPECT_NE(report.text.find("barrier 1 (32 of 64 threads arrived)"), std::string::npos)
        << report.text;
    EXPECT_NE(report.text.find("barrier 2 (32 of 64 threads arrived)"), std::string::npos)
        << report.text;
    // Both calls are the last of the kernel.
    for (const char* line :
         {"in deadlock at deadlock_kernels.cu:22", "in deadlock at deadlock_kernels.cu:24"})
        EXPECT_NE(report.text.find(line), std::string::npos) << report.text;
}

TEST(Barriers, RepeatedReads_AreNoDeadlock) {
    Buffer<unsigned> out(64);
    Dims dims;
    dims.block = {64, 1, 1};
    dims.shared = 16;
    for (dims.seed = 1; dims.seed <= kSeeds; ++dims.seed) {
        Report report = launch(di_sim_kernel_read_often, dims, out.data(), 500u);
        ASSERT_TRUE(report.empty()) << report.text;
        ASSERT_EQ(out[63], 1500u);
    }
}

TEST(Barriers, ExitedThreads_DoNotCount) {
    Buffer<unsigned> out(64, 0u);
    Dims dims;
    dims.block = {128, 1, 1};
    Report report = launch(di_sim_kernel_early_exit, dims, out.data());
    EXPECT_TRUE(report.empty()) << report.text;
    EXPECT_EQ(out[63], 1u);
}

TEST(Warp, Collectives_MatchTheirDefinitions) {
    Buffer<unsigned> out(64 * 8);
    Dims dims;
    dims.block = {64, 1, 1};
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        dims.seed = seed;
        Report report = launch(di_sim_kernel_warp_ops, dims, out.data());
        ASSERT_TRUE(report.empty()) << report.text;
        for (unsigned t = 0; t < 64; ++t) {
            unsigned lane = t % 32, ballot = 0, match = 0, largest = 0;
            for (unsigned l = 0; l < 32; ++l) {
                if (l % 3 == 0)
                    ballot |= 1u << l;
                if (l % 4 == lane % 4)
                    match |= 1u << l;
                largest = std::max(largest, l ^ 21u);
            }
            ASSERT_EQ(out[t * 8 + 0], 10u);
            ASSERT_EQ(out[t * 8 + 1], lane < 3 ? lane : lane - 3);
            ASSERT_EQ(out[t * 8 + 2], lane > 28 ? lane : lane + 3);
            ASSERT_EQ(out[t * 8 + 3], lane ^ 8);
            ASSERT_EQ(out[t * 8 + 4], ballot);
            ASSERT_EQ(out[t * 8 + 5], match);
            ASSERT_EQ(out[t * 8 + 6], largest);
            ASSERT_EQ(out[t * 8 + 7], 2u);
        }
    }
}

TEST(Warp, MissingLane_IsReported) {
    EXPECT_EQ(kind_on_all_seeds(kSeeds, "divergent collective",
                                [](unsigned seed) {
                                    Dims dims;
                                    dims.seed = seed;
                                    return launch(di_sim_kernel_missing_lane, dims);
                                }),
              "divergent collective");
}

class AlignedSteps : public testing::TestWithParam<int> {};

TEST_P(AlignedSteps, LaneThatDiverges_IsReportedOnEverySeed) {
    std::string kind = GetParam() == 0 ? "" : "divergent collective";
    EXPECT_EQ(kind_on_all_seeds(kSeeds, kind,
                                [](unsigned seed) {
                                    Dims dims;
                                    dims.block = {128, 1, 1};
                                    dims.seed = seed;
                                    return launch(di_sim_kernel_aligned_steps, dims, GetParam());
                                }),
              kind);
}
INSTANTIATE_TEST_SUITE_P(Warp, AlignedSteps, testing::Range(0, 5));

class BytesAndVectors : public testing::TestWithParam<int> {};

TEST_P(BytesAndVectors, UnorderedAccess_IsReportedOnEverySeed) {
    Buffer<unsigned char> out(128);
    std::string kind = GetParam() == 0 ? "" : "race";
    EXPECT_EQ(kind_on_all_seeds(kSeeds, kind,
                                [&](unsigned seed) {
                                    Dims dims;
                                    dims.block = {128, 1, 1};
                                    dims.shared = 128;
                                    dims.seed = seed;
                                    return launch(di_sim_kernel_bytes_and_vectors, dims, out.data(),
                                                  GetParam());
                                }),
              kind);
    if (GetParam() != 0)
        return;
    for (unsigned i = 0; i < 128; ++i)
        ASSERT_EQ(out[i], i == 77 ? 200 : i + (i % 16 < 4 ? 1 : 0));
}
INSTANTIATE_TEST_SUITE_P(Memory, BytesAndVectors, testing::Range(0, 5));

TEST(Memory, OutOfBounds_IsReported) {
    Dims dims;
    dims.block = {1, 1, 1};
    dims.shared = 256;
    EXPECT_EQ(launch(di_sim_kernel_shared_out_of_bounds, dims, 64u).kind,
              "shared memory out of bounds");
    EXPECT_TRUE(launch(di_sim_kernel_shared_out_of_bounds, dims, 63u).empty());
    dims.shared = 128;
    EXPECT_EQ(launch(di_sim_kernel_shared_out_of_bounds, dims, 0u).kind,
              "shared memory out of bounds");
    Buffer<unsigned> p(10);
    EXPECT_EQ(launch(di_sim_kernel_global_access, dims, p.data(), 10u).kind,
              "global memory out of bounds");
    EXPECT_EQ(launch(di_sim_kernel_global_access, dims, p.data(), 100000u).kind,
              "global memory out of bounds");
    EXPECT_TRUE(launch(di_sim_kernel_global_access, dims, p.data(), 9u).empty());
}

TEST(Memory, UseAfterFreeHostPointerAndMisalignment_AreReported) {
    Dims dims;
    dims.block = {1, 1, 1};
    Buffer<unsigned> p(10);
    unsigned* data = p.data();
    unsigned host = 0;
    Buffer<char> bytes(64);
    EXPECT_EQ(launch(di_sim_kernel_misaligned, dims, bytes.data()).kind, "misaligned address");
    EXPECT_EQ(launch(di_sim_kernel_global_access, dims, &host, 0u).kind, "invalid address");
    EXPECT_EQ(launch(di_sim_kernel_global_access, dims, static_cast<unsigned*>(nullptr), 0u).kind,
              "invalid address");
    p.free_early();
    EXPECT_EQ(launch(di_sim_kernel_global_access, dims, data, 0u).kind, "use after free");
}

TEST(Memory, UninitialisedShared_IsReported) {
    Buffer<unsigned> out(1);
    Dims dims;
    dims.block = {1, 1, 1};
    dims.shared = 256;
    EXPECT_EQ(launch(di_sim_kernel_uninitialised, dims, out.data()).kind, "uninitialised read");
}

// What the simulator remembers of readers goes with the memory that they read.
TEST(Memory, FreedAndOverwritten_LeavesNoReadersBehind) {
    const Shadow& shadow = DeviceHeap::instance().shadow();
    const std::size_t before = shadow.reader_sets();
    constexpr unsigned kRead = 30000; // large enough for whole pages of shadow memory
    Dims dims;
    dims.grid = {120, 1, 1};
    dims.block = {512, 1, 1};
    {
        Buffer<unsigned> in(kRead, 1), out(120 * 512);
        Report report = launch(di_sim_kernel_broadcast, dims, in.data(), out.data(), kRead);
        ASSERT_TRUE(report.empty()) << report.text;
        EXPECT_GT(shadow.reader_sets(), before);
    }
    EXPECT_EQ(shadow.reader_sets(), before);
}

// Nor pages of shadow memory, however small the allocation is.
TEST(Memory, Freed_LeavesNoShadowBehind) {
    Shadow& shadow = DeviceHeap::instance().shadow();
    for (std::size_t bytes : {4u, 1000u, 30000u, 300000u}) {
        const unsigned* data = nullptr;
        {
            Buffer<unsigned> out(bytes / 4);
            data = out.data();
            EXPECT_EQ(shadow.resident_pages(data, bytes), 0u) << bytes;
            Dims dims;
            dims.grid = {static_cast<unsigned>(bytes / 4 + 255) / 256, 1, 1};
            dims.block = {256, 1, 1};
            Report report =
                launch(di_sim_kernel_fill, dims, out.data(), static_cast<unsigned>(out.size()));
            ASSERT_TRUE(report.empty()) << report.text;
            EXPECT_GE(shadow.resident_pages(data, bytes), (bytes + 255) / 256) << bytes;
        }
        EXPECT_EQ(shadow.resident_pages(data, bytes), 0u) << bytes;
    }
}

// A write after reads of several threads that nothing orders before it.
TEST(Memory, WriteAfterManyReadsOfShared_IsARace) {
    Dims dims;
    dims.block = {96, 1, 1};
    dims.shared = 16;
    for (int late : {0, 1}) {
        EXPECT_EQ(kind_on_all_seeds(kSeeds, late != 0 ? "" : "race",
                                    [&](unsigned seed) {
                                        dims.seed = seed;
                                        Buffer<unsigned> out(96);
                                        return launch(di_sim_kernel_read_then_write, dims,
                                                      out.data(), late);
                                    }),
                  late != 0 ? "" : "race");
    }
}

TEST(Memory, AtomicCount_ManyBlocks_CountsAll) {
    Buffer<unsigned> counter(1, 0u);
    Dims dims;
    dims.grid = {50, 1, 1};
    dims.block = {96, 1, 1};
    Report report = launch(di_sim_kernel_count, dims, counter.data());
    EXPECT_TRUE(report.empty()) << report.text;
    EXPECT_EQ(counter[0], 4800u);
}

Report send(unsigned seed, int release, int acquire, int scope, Buffer<unsigned>& out,
            unsigned workers) {
    Buffer<unsigned> data(64), flag(1, 0u);
    Dims dims;
    dims.grid = {2, 1, 1};
    dims.block = {64, 1, 1};
    dims.seed = seed;
    dims.workers = workers;
    return launch(di_sim_kernel_message, dims, data.data(), flag.data(), out.data(), release,
                  acquire, scope);
}

TEST(Scopes, ReleaseAcquire_OfTheGpu_Orders) {
    Buffer<unsigned> out(64);
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        for (unsigned workers = 1; workers <= 2; ++workers) {
            Report report = send(seed, DI_SIM_RELEASE, DI_SIM_ACQUIRE, DI_SIM_GPU, out, workers);
            ASSERT_TRUE(report.empty()) << report.text;
            for (unsigned i = 0; i < 64; ++i)
                ASSERT_EQ(out[i], i + 7);
        }
    }
}

TEST(Scopes, MissingReleaseOrAcquireOrTooNarrowAScope_IsARace) {
    Buffer<unsigned> out(64);
    struct Case {
        int release, acquire, scope;
    };
    for (Case c : {Case{DI_SIM_RELAXED, DI_SIM_ACQUIRE, DI_SIM_GPU},
                   Case{DI_SIM_RELEASE, DI_SIM_RELAXED, DI_SIM_GPU},
                   Case{DI_SIM_RELEASE, DI_SIM_ACQUIRE, DI_SIM_CTA},
                   Case{DI_SIM_RELEASE, DI_SIM_ACQUIRE, DI_SIM_CLUSTER}}) {
        for (unsigned workers = 1; workers <= 2; ++workers) {
            EXPECT_EQ(kind_on_all_seeds(kSeeds, "race",
                                        [&](unsigned seed) {
                                            return send(seed, c.release, c.acquire, c.scope, out,
                                                        workers);
                                        }),
                      "race");
        }
    }
}

TEST(Scopes, FencesAroundRelaxedAtomics_Order) {
    Buffer<unsigned> out(64);
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        for (int fence = 0; fence < 2; ++fence) {
            Buffer<unsigned> data(64), flag(1, 0u);
            Dims dims;
            dims.grid = {2, 1, 1};
            dims.block = {64, 1, 1};
            dims.seed = seed;
            Report report = launch(di_sim_kernel_message_fence, dims, data.data(), flag.data(),
                                   out.data(), fence);
            ASSERT_EQ(report.kind, fence != 0 ? "" : "race") << report.text;
        }
    }
}

TEST(Launch, Trap_FailsTheLaunch) {
    Dims dims;
    EXPECT_EQ(launch(di_sim_kernel_trap_if, dims, 1).kind, "trap");
    EXPECT_TRUE(launch(di_sim_kernel_trap_if, dims, 0).empty());
}

} // namespace
} // namespace cudasim::test
