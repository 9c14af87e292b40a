// SPDX-License-Identifier: MIT
// The decode kernels on the simulator, all checks on, under many schedules.
#include <cmath>
#include <gtest/gtest.h>

#include "mla_problem.h"

namespace cudasim::test {
namespace {

using di::flashmla::KeyFormat;

void check_all_seeds(const Case& shape) {
    Problem problem(shape);
    expect_right_on_all_seeds([&](unsigned seed) { return problem.run(seed); },
                              [&] { problem.check(); });
}

TEST(MlaDecode, OneToken_LengthsAroundTiles_IsRight) {
    for (const int stages : {1, 2})
        check_all_seeds({.lengths = {1, 31, 32, 33, 97}, .heads = 4, .stages = stages});
}

TEST(MlaDecode, RequestWithoutKeys_GivesZeroAndInfinity) {
    check_all_seeds({.lengths = {0, 5}, .heads = 3});
    // One block goes from request to request; without keys only the barrier between them holds it.
    check_all_seeds({.lengths = {5, 0, 0}, .heads = 3});
    check_all_seeds({.lengths = {0, 5, 0}, .heads = 3, .stages = 2, .part_blocks = 1});
}

TEST(MlaDecode, CausalTokens_SeeTheirShare) {
    check_all_seeds({.lengths = {1, 40}, .tokens = 3, .heads = 12, .page = 16, .is_causal = true});
    check_all_seeds({.lengths = {66},
                     .tokens = 4,
                     .heads = 1,
                     .is_causal = true,
                     .stages = 2,
                     .is_float32 = true});
}

TEST(MlaDecode, SeveralKeyHeads_AnyPage_IsRight) {
    check_all_seeds(
        {.lengths = {35, 3}, .tokens = 2, .heads = 6, .kv_heads = 2, .page = 1, .is_causal = true});
    check_all_seeds({.lengths = {70}, .heads = 40, .page = 53, .stages = 2});
}

TEST(MlaDecode, SplitRequests_AreMerged) {
    check_all_seeds({.lengths = {130, 10, 0, 70}, .tokens = 2, .heads = 3, .part_blocks = 1});
    check_all_seeds({.lengths = {130, 10, 0, 140},
                     .heads = 2,
                     .stages = 2,
                     .part_blocks = 2,
                     .is_float32 = true,
                     .is_base_two = true});
}

TEST(MlaDecode, SplitWithoutKeysForARow_TakesNoPart) {
    check_all_seeds(
        {.lengths = {65, 2}, .tokens = 3, .heads = 2, .is_causal = true, .part_blocks = 1});
}

TEST(MlaDecode, RowsOf512_AreRight) {
    for (const int stages : {1, 2})
        check_all_seeds({.lengths = {70}, .heads = 3, .dim = 512, .stages = stages});
}

TEST(MlaDecode, QuantizedKeys_AreRight) {
    check_all_seeds({.lengths = {40, 65},
                     .tokens = 2,
                     .heads = 3,
                     .page = 61,
                     .is_causal = true,
                     .format = KeyFormat::kFp8V32,
                     .part_blocks = 1});
    check_all_seeds({.lengths = {40, 65},
                     .tokens = 2,
                     .heads = 3,
                     .page = 3,
                     .is_causal = true,
                     .format = KeyFormat::kFp8Model1,
                     .dim = 512,
                     .part_blocks = 1});
}

TEST(MlaDecode, AnyFiniteScale_IsRight) {
    for (const float scale : {0.0f, -0.05f, 1e-8f, 2.0f})
        check_all_seeds({.lengths = {50}, .heads = 2, .scale = scale});
}

TEST(MlaDecode, NaNInAKey_ReachesNoTokenThatDoesNotSeeIt) {
    Problem problem({.lengths = {66}, .tokens = 4, .heads = 2, .is_causal = true});
    problem.poison(0, 64);

    expect_right_on_all_seeds(
        [&](unsigned seed) { return problem.run(seed); },
        [&] {
            for (int token = 0; token < 4; token++)
                for (int head = 0; head < 2; head++)
                    for (int column = 0; column < 512; column++)
                        ASSERT_EQ(std::isnan(problem.out(0, token, head, column)), token >= 2);
        });
}

TEST(MlaDecode, TableEntryOutsideTheCache_GivesNaN) {
    for (const KeyFormat format : {KeyFormat::kBf16, KeyFormat::kFp8V32, KeyFormat::kFp8Model1}) {
        Problem problem({.lengths = {20, 70},
                         .heads = 2,
                         .format = format,
                         .dim = format == KeyFormat::kFp8Model1 ? 512 : 576,
                         .part_blocks = 1});
        problem.forget_block(1, 1);

        const Report report = problem.run(1);

        ASSERT_TRUE(report.empty()) << report.text;
        EXPECT_TRUE(std::isnan(problem.out(1, 0, 1, 511)));
        EXPECT_TRUE(std::isnan(problem.lse(1, 0, 0)));
        EXPECT_FALSE(std::isnan(problem.out(0, 0, 1, 511)));
    }
}

// Every kernel, small enough for thousands of schedules, with a second round of keys in each of two
// splits, or with two tokens.
TEST(MlaDecode, ManySchedules_SmallShape_IsRight) {
    for (const int dim : {576, 512})
        check_all_seeds({.lengths = {100}, .heads = 2, .dim = dim, .part_blocks = 1});
}

TEST(MlaDecode, ManySchedules_TwoStages_IsRight) {
    for (const int dim : {576, 512})
        check_all_seeds(
            {.lengths = {70}, .tokens = 2, .heads = 1, .is_causal = true, .dim = dim, .stages = 2});
}

TEST(MlaDecode, ManySchedules_QuantizedKeys_IsRight) {
    check_all_seeds({.lengths = {65}, .heads = 2, .format = KeyFormat::kFp8V32});
    check_all_seeds({.lengths = {65}, .heads = 2, .format = KeyFormat::kFp8Model1, .dim = 512});
}

} // namespace
} // namespace cudasim::test
