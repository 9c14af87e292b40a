// SPDX-License-Identifier: MIT
// redux.sync and match.sync against their definitions, and what orders memory in the scopes of the
// system and of the block.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

#include "core/rng.h"
#include "sim_test.h"

extern "C" {
extern const di_sim_kernel_info di_sim_kernel_warp_values, di_sim_kernel_system_turns,
    di_sim_kernel_block_message;
}

namespace cudasim::test {
namespace {

using Word = unsigned long long;

// What a lane gets, and above it the predicate of match.all.
Word expected(int which, unsigned lane, unsigned mask, const Word* in) {
    std::uint32_t sum = 0, least = ~0u, most = 0, all = ~0u, any = 0, odd = 0, equal = 0,
                  equal_wide = 0;
    std::int32_t least_signed = INT32_MAX, most_signed = INT32_MIN;
    for (unsigned l = 0; l < 32; ++l) {
        if ((mask >> l & 1) == 0)
            continue;
        auto v = static_cast<std::uint32_t>(in[l]);
        auto s = static_cast<std::int32_t>(v);
        sum += v;
        least = std::min(least, v);
        most = std::max(most, v);
        all &= v;
        any |= v;
        odd ^= v;
        least_signed = std::min(least_signed, s);
        most_signed = std::max(most_signed, s);
        equal |= static_cast<std::uint32_t>(v == static_cast<std::uint32_t>(in[lane])) << l;
        equal_wide |= static_cast<std::uint32_t>(in[l] == in[lane]) << l;
    }
    const Word none = Word{0xffffffffu} << 32, yes = Word{1} << 32;
    switch (which) {
    case 0:
    case 6:
        return none | sum;
    case 1:
        return none | least;
    case 2:
        return none | most;
    case 3:
        return none | all;
    case 4:
        return none | any;
    case 5:
        return none | odd;
    case 7:
        return none | static_cast<std::uint32_t>(least_signed);
    case 8:
        return none | static_cast<std::uint32_t>(most_signed);
    case 9:
        return none | equal;
    case 10:
        return equal == mask ? yes | mask : 0;
    case 11:
        return none | equal_wide;
    default:
        return equal_wide == mask ? yes | mask : 0;
    }
}

class WarpValues : public testing::TestWithParam<int> {};

TEST_P(WarpValues, EveryMask_GivesWhatTheDefinitionSays) {
    for (unsigned mask : {0xffffffffu, 0x0ff0f00fu, 0x80000000u, 0x5u})
        for (int numbers = 0; numbers < 4; ++numbers)
            for (unsigned seed = 1; seed <= 4; ++seed) {
                Buffer<Word> in(64), out(64, Word{0});
                Rng rng(seed * 7 + static_cast<unsigned>(numbers));
                for (unsigned i = 0; i < 64; ++i) // anything, few, all the same, the same below
                    in[i] = numbers == 0   ? rng.next()
                            : numbers == 1 ? rng.below(3)
                            : numbers == 2 ? 0x123456789abcdefu
                                           : Word{rng.below(2)} << 32 | 5;
                Dims dims;
                dims.block = {64, 1, 1};
                dims.seed = seed;
                Report r = launch(di_sim_kernel_warp_values, dims, in.data(), out.data(), mask,
                                  GetParam());
                ASSERT_TRUE(r.empty()) << r.text;
                for (unsigned i = 0; i < 64; ++i) {
                    if ((mask >> i % 32 & 1) != 0) {
                        ASSERT_EQ(out[i],
                                  expected(GetParam(), i % 32, mask, in.data() + i / 32 * 32))
                            << "lane " << i << " of mask " << mask << " numbers " << numbers;
                    }
                }
            }
}
INSTANTIATE_TEST_SUITE_P(All, WarpValues, testing::Range(0, 13));

class SystemTurns : public testing::TestWithParam<int> {};

TEST_P(SystemTurns, BlocksSeeEachOther_OrRace) {
    const bool right = GetParam() != 4 && GetParam() != 5;
    for (unsigned seed = 1; seed <= 12; ++seed) {
        Buffer<std::uint32_t> turn(1, 0u), plain(1, 1u);
        Buffer<std::uint64_t> wide(1, std::uint64_t{0});
        Dims dims;
        dims.grid = {5, 1, 1};
        dims.seed = seed;
        Report r = launch(di_sim_kernel_system_turns, dims, turn.data(), wide.data(), plain.data(),
                          GetParam());
        ASSERT_EQ(r.kind, right ? "" : "race") << seed << r.text;
        unsigned want = 1;
        for (unsigned b = 0; b < 5; ++b)
            want = want * 3 + b;
        if (right) {
            ASSERT_EQ(plain[0], want);
        }
    }
}
INSTANTIATE_TEST_SUITE_P(Orders, SystemTurns, testing::Range(0, 8));

TEST(Orders, AcquireOfTheBlock_TakesWhatItsOtherWarpsReleased) {
    for (unsigned seed = 1; seed <= 12; ++seed)
        for (int acquire = 0; acquire < 2; ++acquire) {
            Buffer<std::uint32_t> flag(1, 0u), plain(2, 0u);
            Dims dims;
            dims.block = {64, 1, 1};
            dims.seed = seed;
            Report r =
                launch(di_sim_kernel_block_message, dims, flag.data(), plain.data(), acquire);
            ASSERT_EQ(r.kind, acquire != 0 ? "" : "race") << seed << r.text;
            if (acquire != 0) {
                ASSERT_EQ(plain[1], 78u);
            }
        }
}

} // namespace
} // namespace cudasim::test
