// SPDX-License-Identifier: MIT
// Addresses of device memory: none is lost, whatever is allocated and freed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "core/rng.h"
#include "memory/device_heap.h"
#include "memory/free_ranges.h"

namespace cudasim::test {
namespace {

TEST(FreeRanges, Add_JoinsNeighboursOnBothSides) {
    FreeRanges ranges;
    ranges.add(0, 512);
    ranges.add(1024, 512);
    EXPECT_EQ(ranges.count(), 2u);

    ranges.add(512, 512);

    EXPECT_EQ(ranges.count(), 1u);
    EXPECT_EQ(ranges.take(1536, 512), 0u);
    EXPECT_EQ(ranges.count(), 0u);
}

TEST(FreeRanges, Take_KeepsWhatIsLeftOnBothSides) {
    FreeRanges ranges;
    ranges.add(512, 16384);

    EXPECT_EQ(ranges.take(4096, 4096), 4096u);

    EXPECT_EQ(ranges.bytes(), 16384u - 4096u);
    EXPECT_EQ(ranges.take(3584, 512), 512u);
    EXPECT_EQ(ranges.take(8704, 512), 8192u);
    EXPECT_EQ(ranges.bytes(), 0u);
    EXPECT_FALSE(ranges.take(1, 1).has_value());
}

TEST(FreeRanges, RandomUse_LosesNothingAndGivesNothingTwice) {
    constexpr std::size_t kUnit = 512, kUnits = 256;
    Rng rng;
    rng.reseed(7);
    FreeRanges ranges;
    ranges.add(0, kUnit * kUnits);
    std::vector<bool> used(kUnits, false);
    std::vector<std::pair<std::size_t, std::size_t>> live;
    for (int i = 0; i < 5000; ++i) {
        const std::size_t units = 1 + rng.below(12);
        if (rng.one_in(2)) {
            if (auto at = ranges.take(units * kUnit, kUnit << rng.below(4))) {
                for (std::size_t u = *at / kUnit; u < *at / kUnit + units; ++u) {
                    ASSERT_FALSE(used[u]);
                    used[u] = true;
                }
                live.emplace_back(*at, units);
            }
        } else if (!live.empty()) {
            std::swap(live[rng.below(static_cast<std::uint32_t>(live.size()))], live.back());
            auto [at, count] = live.back();
            live.pop_back();
            ranges.add(at, count * kUnit);
            std::fill_n(used.begin() + static_cast<std::ptrdiff_t>(at / kUnit), count, false);
        }
        const auto in_use = static_cast<std::size_t>(std::count(used.begin(), used.end(), true));
        ASSERT_EQ(ranges.bytes(), (kUnits - in_use) * kUnit);
    }
    for (auto [at, count] : live)
        ranges.add(at, count * kUnit);
    EXPECT_EQ(ranges.count(), 1u);
}

// In a process of its own, with a small device: what a fragmented device has given back serves a
// request for nearly all of it, again and again.
void fragment_and_take_all() {
    DeviceHeap& heap = DeviceHeap::instance();
    const std::size_t bytes = heap.device_bytes();
    Rng rng;
    rng.reseed(11);
    for (int round = 0; round < 8; ++round) {
        std::vector<std::uint8_t*> live;
        while (std::uint8_t* p = heap.allocate(0, 1 + rng.below(1 << 18)))
            live.push_back(p);
        if (heap.used_bytes(0) < bytes / 2)
            std::exit(1); // the device is not full
        while (!live.empty()) {
            std::swap(live[rng.below(static_cast<std::uint32_t>(live.size()))], live.back());
            if (!heap.free(live.back()))
                std::exit(2);
            live.pop_back();
        }
        std::uint8_t* all = heap.allocate(0, bytes - 3 * 4096);
        if (all == nullptr)
            std::exit(3);
        if (!heap.free(all) || heap.used_bytes(0) != 0)
            std::exit(4);
    }
    std::exit(0);
}

TEST(DeviceHeapDeathTest, Fragmentation_LosesNoAddresses) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    setenv("DEEPINFRA_CUDASIM_MEMORY_MIB", "4", 1);

    EXPECT_EXIT(fragment_and_take_all(), testing::ExitedWithCode(0), "");

    unsetenv("DEEPINFRA_CUDASIM_MEMORY_MIB");
}

} // namespace
} // namespace cudasim::test
