// SPDX-License-Identifier: MIT
#include "core/api/layouts.h"

#include <set>

#include <gtest/gtest.h>

namespace di::core {
namespace {

// Places of all elements in both tensors, as the kernels' locate() computes them.
std::set<std::pair<int64_t, int64_t>> places(const Layout<2>& layout) {
    std::set<std::pair<int64_t, int64_t>> result;
    for (int64_t i = 0; i < layout.elements; i++) {
        int64_t index = i, a = 0, b = 0;
        for (int d = layout.rank - 1; d >= 0; d--) {
            a += index % layout.shape[d] * layout.strides[0][d];
            b += index % layout.shape[d] * layout.strides[1][d];
            index /= layout.shape[d];
        }
        result.insert({a, b});
    }
    return result;
}

LayoutBuilder<2> build(std::initializer_list<std::array<int64_t, 3>> dimensions) {
    LayoutBuilder<2> builder;
    for (const auto& d : dimensions)
        builder.add(d[0], {d[1], d[2]});
    return builder;
}

TEST(LayoutBuilder, Compact_dimensions_become_one_run) {
    LayoutBuilder<2> builder = build({{2, 12, 12}, {3, 4, 4}, {1, 77, 99}, {4, 1, 1}});
    builder.merge();

    EXPECT_EQ(builder.layout.rank, 1);
    EXPECT_EQ(builder.layout.shape[0], 24);
    EXPECT_TRUE(builder.is_contiguous());
}

TEST(LayoutBuilder, A_scalar_is_contiguous) {
    LayoutBuilder<2> builder = build({{1, 5, 7}});
    builder.merge();

    EXPECT_EQ(builder.layout.rank, 0);
    EXPECT_EQ(builder.layout.elements, 1);
    EXPECT_TRUE(builder.is_contiguous());
}

TEST(LayoutBuilder, Runs_of_one_tensor_only_are_kept_apart) {
    LayoutBuilder<2> builder = build({{2, 3, 4}, {3, 1, 1}});
    builder.merge();

    EXPECT_EQ(builder.layout.rank, 2);
    EXPECT_FALSE(builder.is_contiguous());
}

TEST(LayoutBuilder, Sorting_and_merging_keep_which_elements_belong_together) {
    LayoutBuilder<2> builder = build({{4, 1, 30}, {3, 20, 10}, {5, 4, 2}, {2, 100, 1}});
    const auto before = places(builder.layout);

    builder.sort_by(1);
    builder.merge();

    EXPECT_EQ(places(builder.layout), before);
    for (int i = 1; i < builder.layout.rank; i++)
        EXPECT_LE(builder.layout.strides[1][i], builder.layout.strides[1][i - 1]);
}

TEST(GridFor, Covers_the_work_and_stays_bounded) {
    EXPECT_EQ(grid_for(1, 1024).grid_x, 1u);
    EXPECT_EQ(grid_for(1025, 1024).grid_x, 2u);
    EXPECT_EQ(grid_for(int64_t{1} << 50, 1).grid_x, 16384u);
    EXPECT_EQ(grid_for(1, 1).threads, static_cast<uint32_t>(kThreads));
}

} // namespace
} // namespace di::core
