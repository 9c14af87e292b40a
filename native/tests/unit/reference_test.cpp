// SPDX-License-Identifier: MIT
// The references that kernels are compared with, against values worked out by hand.
#include <cmath>
#include <gtest/gtest.h>

#include "tests/reference/attention.h"
#include "tests/reference/gemm.h"
#include "tests/reference/numbers.h"
#include "tests/reference/quantize.h"

namespace di::reference {
namespace {

TEST(ReferenceNumbers, NamedCodes_HaveTheirValues) {
    EXPECT_EQ(bfloat16_value(0x3F80), 1.0);
    EXPECT_EQ(bfloat16_value(0xC049), -3.140625);
    EXPECT_EQ(bfloat16_value(0x0001), std::ldexp(1.0, -133));
    EXPECT_EQ(bfloat16_value(0xFF80), -std::numeric_limits<double>::infinity());
    EXPECT_TRUE(std::isnan(bfloat16_value(0x7FC0)));
    EXPECT_EQ(half_value(0x7BFF), 65504.0);
    EXPECT_EQ(half_value(0x0001), std::ldexp(1.0, -24));
    EXPECT_EQ(e4m3_value(0x7E), 448.0);
    EXPECT_EQ(e4m3_value(0x81), -std::ldexp(1.0, -9));
    EXPECT_TRUE(std::isnan(e4m3_value(0xFF)));
    EXPECT_EQ(e5m2_value(0x7B), 57344.0);
    EXPECT_EQ(e5m2_value(0x01), std::ldexp(1.0, -16));
    EXPECT_EQ(e5m2_value(0x7C), std::numeric_limits<double>::infinity());
    EXPECT_EQ(e8m0_value(127), 1.0);
    EXPECT_EQ(e8m0_value(0), std::ldexp(1.0, -127));
    EXPECT_TRUE(std::isnan(e8m0_value(255)));
    const double e2m1[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
    for (unsigned code = 0; code < 8; code++) {
        EXPECT_EQ(e2m1_value(code), e2m1[code]);
        EXPECT_EQ(e2m1_value(code + 8), -e2m1[code]);
    }
}

TEST(ReferenceNumbers, ToBfloat16_GoesToTheNearestAndOnTiesToEven) {
    EXPECT_EQ(to_bfloat16(1.0f), 0x3F80);
    EXPECT_EQ(to_bfloat16(1.00390625f), 0x3F80);
    EXPECT_EQ(to_bfloat16(1.01171875f), 0x3F82);
    EXPECT_EQ(to_bfloat16(-1.005f), 0xBF81);
}

TEST(ReferenceGemm, TwoByTwo_IsTheProductWithTransposedB) {
    const double a[2][3] = {{1, 2, 3}, {-1, 0, 4}}, b[2][3] = {{1, -1, 1}, {2, 5, 0.5}};

    const std::vector<Sum> sums = multiply(
        2, 2, 3, [&](std::size_t m, std::size_t k) { return a[m][k]; },
        [&](std::size_t n, std::size_t k) { return b[n][k]; });

    const double values[] = {2, 13.5, 3, 0}, magnitudes[] = {6, 13.5, 5, 4};
    for (std::size_t i = 0; i < 4; i++) {
        EXPECT_EQ(sums[i].value, values[i]);
        EXPECT_EQ(sums[i].magnitude, magnitudes[i]);
    }
}

TEST(ReferenceAttention, TwoKeys_AreWeightedBySoftmax) {
    const double keys[2][2] = {{std::log(3.0), 8}, {0, 4}};

    const AttentionRow row = attend(
        2, 1, 2, 1, [](std::size_t) { return 1.0; },
        [&](std::size_t j, std::size_t d) { return keys[j][d]; });

    EXPECT_NEAR(row.lse, std::log(4.0), 1e-12);
    EXPECT_NEAR(row.out[0], 0.75 * std::log(3.0), 1e-12);
    EXPECT_NEAR(row.out[1], 7, 1e-12);
}

TEST(ReferenceAttention, NoKeys_GiveZeroAndInfinity) {
    const auto nothing = [](auto...) { return 1.0; };

    const AttentionRow row = attend(0, 4, 2, 1, nothing, nothing);

    EXPECT_EQ(row.lse, std::numeric_limits<double>::infinity());
    EXPECT_EQ(row.out, std::vector<double>(2));
}

TEST(ReferenceQuantize, BlockScale_FollowsBothRulesAndRoundsUpToPowersOfTwo) {
    EXPECT_EQ(block_scale(896, 448, false, false).value, 2.0f);
    EXPECT_EQ(block_scale(896, 448, false, false).factor, 0.5f);
    EXPECT_EQ(block_scale(0, 448, false, false).value, 1e-4f / 448);
    EXPECT_EQ(block_scale(3, 448, true, false).value, 3 * (1.0f / 448));
    EXPECT_EQ(block_scale(3, 448, true, false).factor, 448.0f / 3);
    EXPECT_EQ(block_scale(896, 448, false, true).exponent, 128);
    EXPECT_EQ(block_scale(897, 448, false, true).value, 4.0f);
    EXPECT_EQ(block_scale(897, 448, false, true).factor, 0.25f);
    EXPECT_EQ(block_scale(897, 448, false, true).exponent, 129);
}

TEST(ReferenceQuantize, NearestCode_BreaksTiesToEvenAndSaturates) {
    EXPECT_EQ(nearest_code(1.0, 0x7E, e4m3_value), 0x38);
    EXPECT_EQ(nearest_code(1.0625, 0x7E, e4m3_value), 0x38);
    EXPECT_EQ(nearest_code(1.1875, 0x7E, e4m3_value), 0x3A);
    EXPECT_EQ(nearest_code(-1.07, 0x7E, e4m3_value), 0xB9);
    EXPECT_EQ(nearest_code(1e9, 0x7E, e4m3_value), 0x7E);
    EXPECT_EQ(nearest_code(-0.0, 0x7E, e4m3_value), 0x80);
    EXPECT_EQ(nearest_code(std::ldexp(1.0, -10), 0x7E, e4m3_value), 0x00);
}

} // namespace
} // namespace di::reference
