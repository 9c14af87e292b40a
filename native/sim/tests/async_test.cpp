// SPDX-License-Identifier: MIT
// Tensor maps, asynchronous copies, clusters.
#include <gtest/gtest.h>

#include <algorithm>

#include "gemm_runner.h"

extern "C" {
extern const di_sim_kernel_info di_sim_kernel_load_box, di_sim_kernel_store_box,
    di_sim_kernel_copy_async, di_sim_kernel_copy_async_barrier, di_sim_kernel_lane_release,
    di_sim_kernel_neighbours, di_sim_kernel_multicast;
}

namespace cudasim::test {
namespace {

constexpr unsigned kSeeds = 20;
constexpr std::uint32_t kTileShared = 16384 + 1024;

// The 16-byte chunk of row r, chunk c of a tile with rows of `span` bytes, as the swizzle modes are
// drawn: groups of 8 / 4 / 2 rows share a pattern that exchanges 8 / 4 / 2 chunks.
std::uint32_t drawn_chunk(std::uint32_t r, std::uint32_t c, int mode) {
    switch (mode) {
    case 3:
        return c ^ (r % 8);
    case 2:
        return c ^ (r / 2 % 4);
    case 1:
        return c ^ (r / 4 % 2);
    default:
        return c;
    }
}

class Swizzles : public testing::TestWithParam<int> {};

TEST_P(Swizzles, LoadBox_PlacesChunksAsDrawnAndFillsOutside) {
    int mode = GetParam();
    std::uint32_t columns = mode == 0 ? 64 : 16u << mode, rows = 16; // bytes
    std::uint32_t width = 160, height = 24; // of the tensor, bytes and rows
    Buffer<unsigned char> tensor(width * height), out(columns * rows);
    for (std::uint32_t i = 0; i < tensor.size(); ++i)
        tensor[i] = static_cast<unsigned char>(i * 7 + i / 251);
    TensorMap map = map_2d(tensor.data(), TensorType::U8, width, height, columns, rows, mode);
    struct At {
        int x, y;
    };
    for (At at : {At{0, 0}, At{32, 4}, At{144, 16}, At{-16, -3}, At{400, 0}, At{5, 2}}) {
        for (unsigned seed = 1; seed <= 4; ++seed) {
            Dims dims;
            dims.shared = kTileShared;
            dims.seed = seed;
            Report report =
                launch(di_sim_kernel_load_box, dims, map, out.data(), columns * rows, at.x, at.y);
            ASSERT_TRUE(report.empty()) << report.text;
            for (std::uint32_t r = 0; r < rows; ++r)
                for (std::uint32_t b = 0; b < columns; ++b) {
                    int x = at.x + static_cast<int>(b), y = at.y + static_cast<int>(r);
                    bool inside = x >= 0 && y >= 0 && x < static_cast<int>(width) &&
                                  y < static_cast<int>(height);
                    unsigned want =
                        inside ? tensor[static_cast<unsigned>(y) * width + static_cast<unsigned>(x)]
                               : 0;
                    std::uint32_t where = r * columns + drawn_chunk(r, b / 16, mode) * 16 + b % 16;
                    ASSERT_EQ(out[where], want)
                        << "row " << r << " byte " << b << " at " << at.x << "," << at.y;
                }
        }
    }
}

TEST_P(Swizzles, StoreBox_WritesOnlyInsideAndAdds) {
    int mode = GetParam();
    std::uint32_t columns = mode == 0 ? 16 : (16u << mode) / 4, rows = 8, width = 40,
                  height = 12; // floats, rows
    Buffer<float> tensor(width * height), in(columns * rows);
    for (std::uint32_t r = 0; r < rows; ++r)
        for (std::uint32_t c = 0; c < columns; ++c)
            in[r * columns + drawn_chunk(r, c / 4, mode) * 4 + c % 4] =
                static_cast<float>(100 * r + c);
    TensorMap map = map_2d(tensor.data(), TensorType::F32, width, height, columns, rows, mode);
    for (int add = 0; add < 2; ++add) {
        for (std::uint32_t i = 0; i < tensor.size(); ++i)
            tensor[i] = static_cast<float>(i);
        Dims dims;
        dims.shared = kTileShared;
        dims.seed = 5;
        Report report =
            launch(di_sim_kernel_store_box, dims, map, reinterpret_cast<unsigned char*>(in.data()),
                   columns * rows * 4, 36, -2, add);
        ASSERT_TRUE(report.empty()) << report.text;
        for (std::uint32_t y = 0; y < height; ++y)
            for (std::uint32_t x = 0; x < width; ++x) {
                bool inside = x >= 36 && x < 36 + columns && y < rows - 2;
                float old = static_cast<float>(y * width + x);
                float value = static_cast<float>(100 * (y + 2)) + static_cast<float>(x) - 36;
                ASSERT_EQ(tensor[y * width + x], inside ? (add != 0 ? old + value : value) : old)
                    << x << "," << y;
            }
    }
}

INSTANTIATE_TEST_SUITE_P(All, Swizzles, testing::Range(0, 4));

TEST(TensorMaps, BadArguments_AreRejected) {
    TensorMap map;
    alignas(16) static char data[64];
    std::uint64_t extents[] = {64, 8}, strides[] = {64}, odd[] = {40};
    std::uint32_t box[] = {32, 8}, wide[] = {300, 8}, narrow[] = {8, 8}, ones[] = {1, 1},
                  strided[] = {2, 8}, zero[] = {1, 0}, nine[] = {1, 9};
    bool missing = false;
    auto encode = [&](const void* p, const std::uint64_t* s, const std::uint32_t* b,
                      const std::uint32_t* e, int swizzle) {
        return encode_tensor_map(&map, 0, 2, p, extents, s, b, e, 0, swizzle, 0, &missing);
    };
    EXPECT_EQ(encode(data, strides, box, ones, 1), nullptr);
    EXPECT_NE(encode(data + 8, strides, box, ones, 1), nullptr);
    EXPECT_NE(encode(data, odd, box, ones, 1), nullptr);
    EXPECT_NE(encode(data, strides, wide, ones, 0), nullptr);
    EXPECT_NE(encode(data, strides, narrow, ones, 0), nullptr);
    EXPECT_EQ(encode(data, strides, box, strided, 1), nullptr);
    EXPECT_NE(encode(data, strides, box, zero, 1), nullptr);
    EXPECT_NE(encode(data, strides, box, nine, 1), nullptr);
    EXPECT_FALSE(missing);
    EXPECT_NE(encode(data, strides, narrow, ones, 3), nullptr);
}

TEST(CpAsync, Waited_CopiesAndZeroFills) {
    Buffer<std::uint32_t> in(128), out(128);
    for (unsigned i = 0; i < 128; ++i)
        in[i] = i + 1;
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        Dims dims;
        dims.shared = kTileShared;
        dims.seed = seed;
        Report report = launch(di_sim_kernel_copy_async, dims, in.data(), out.data(), 1);
        ASSERT_TRUE(report.empty()) << report.text;
        for (unsigned i = 0; i < 128; ++i)
            ASSERT_EQ(out[i], i % 4 <= i / 4 % 4 ? i + 1 : 0);
        report = launch(di_sim_kernel_copy_async, dims, in.data(), out.data(), 0);
        ASSERT_EQ(report.kind, "race");
        report = launch(di_sim_kernel_copy_async_barrier, dims, in.data(), out.data());
        ASSERT_TRUE(report.empty()) << report.text;
        for (unsigned t = 0; t < 32; ++t)
            ASSERT_EQ(out[t * 4], (31 - t) * 4 + 1);
    }
}

TEST(Races, LaneRelease_WithoutSyncWarp_IsFound) {
    Buffer<std::uint32_t> out(32);
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        Dims dims;
        dims.block = {64, 1, 1};
        dims.shared = kTileShared;
        dims.seed = seed;
        Report report = launch(di_sim_kernel_lane_release, dims, out.data(), 1);
        ASSERT_TRUE(report.empty()) << report.text;
        ASSERT_EQ(out[31], 31u);
        ASSERT_EQ(launch(di_sim_kernel_lane_release, dims, out.data(), 0).kind, "race") << seed;
    }
}

TEST(Clusters, DistributedShared_RightRacyAndExited) {
    Buffer<std::uint32_t> out(64);
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        Dims dims;
        dims.grid = {2, 1, 1};
        dims.cluster = {2, 1, 1};
        dims.shared = kTileShared;
        dims.seed = seed;
        Report report = launch(di_sim_kernel_neighbours, dims, out.data(), 0);
        ASSERT_TRUE(report.empty()) << report.text;
        for (unsigned i = 0; i < 64; ++i)
            ASSERT_EQ(out[i], (1 - i / 32) * 100 + i % 32);
        // Without the barrier the peer may even have gone.
        std::string kind = launch(di_sim_kernel_neighbours, dims, out.data(), 1).kind;
        ASSERT_TRUE(kind == "race" || kind == "shared memory of an exited block")
            << seed << " " << kind;
        ASSERT_EQ(launch(di_sim_kernel_neighbours, dims, out.data(), 2).kind,
                  "shared memory of an exited block")
            << seed;
    }
}

TEST(Clusters, Multicast_ReachesEveryBlock) {
    Buffer<unsigned char> tensor(64 * 64), out(2048);
    for (unsigned i = 0; i < tensor.size(); ++i)
        tensor[i] = static_cast<unsigned char>(i % 253);
    TensorMap map = map_2d(tensor.data(), TensorType::U8, 64, 64, 64, 16, 0);
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        Dims dims;
        dims.grid = {2, 1, 1};
        dims.cluster = {2, 1, 1};
        dims.shared = kTileShared;
        dims.seed = seed;
        Report report = launch(di_sim_kernel_multicast, dims, map, out.data());
        ASSERT_TRUE(report.empty()) << report.text;
        for (unsigned i = 0; i < 2048; ++i)
            ASSERT_EQ(out[i], tensor[i % 1024]);
    }
}

} // namespace
} // namespace cudasim::test
