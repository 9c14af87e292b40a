// SPDX-License-Identifier: MIT
// Instructions beside those of the other tests, against scalar definitions written from the PTX
// ISA.
#include <gtest/gtest.h>

#include <tuple>
#include <vector>

#include "async/tensor_map.h"
#include "sim_test.h"
#include "tensor/numbers.h"

#define K(name) extern "C" const di_sim_kernel_info di_sim_kernel_##name
K(pair_matrix);
K(bulk_through);
K(box_3d);
K(box_4d);
K(handover);
K(phases);
K(cluster_send);
K(turns);
K(budget);
K(mixed_mma);
K(wide8);
K(wide32);
K(wide64);
K(wide96);
K(wide128);
K(wide192);
K(wide256);
#undef K

namespace cudasim::test {
namespace {

constexpr unsigned kSeeds = 20;
constexpr std::uint32_t kShared = 16384 + 1024;

Dims dims_of(unsigned seed, unsigned threads = 32, unsigned blocks = 1) {
    Dims d;
    d.grid = {blocks, 1, 1};
    d.block = {threads, 1, 1};
    d.shared = kShared;
    d.seed = seed;
    return d;
}

TEST(Instructions, LdMatrixX2_LanesGetTheirElements) {
    Buffer<std::uint16_t> in(128);
    Buffer<std::uint32_t> out(64);
    for (unsigned i = 0; i < 128; ++i)
        in[i] = static_cast<std::uint16_t>(i * 3);
    for (int transpose = 0; transpose < 2; ++transpose) {
        Report r = launch(di_sim_kernel_pair_matrix, dims_of(1), in.data(), out.data(), transpose);
        ASSERT_TRUE(r.empty()) << r.text;
        for (unsigned lane = 0; lane < 32; ++lane)
            for (unsigned m = 0; m < 2; ++m) {
                unsigned row = lane / 4, column = lane % 4 * 2;
                unsigned low = m * 64 + (transpose ? column * 8 + row : row * 8 + column);
                unsigned high =
                    m * 64 + (transpose ? (column + 1) * 8 + row : row * 8 + column + 1);
                ASSERT_EQ(out[lane * 2 + m], low * 3 | high * 3 << 16);
            }
    }
}

TEST(Instructions, BulkCopies_WaitedOrNot_MoveAddOrRace) {
    Buffer<float> in(256), out(256);
    for (unsigned i = 0; i < 256; ++i)
        in[i] = static_cast<float>(i) / 2;
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        for (int how = 0; how < 2; ++how) {
            for (unsigned i = 0; i < 256; ++i)
                out[i] = 1000;
            Report r = launch(di_sim_kernel_bulk_through, dims_of(seed), in.data(), out.data(),
                              1024u, how);
            ASSERT_TRUE(r.empty()) << r.text;
            for (unsigned i = 0; i < 256; ++i)
                ASSERT_EQ(out[i], in[i] + (how != 0 ? 1000 : 0));
        }
        Report r =
            launch(di_sim_kernel_bulk_through, dims_of(seed), in.data(), out.data(), 1024u, 2);
        ASSERT_EQ(r.kind, "race") << r.text;
    }
}

TensorMap map_of(const void* p, TensorType type, std::vector<std::uint64_t> extents,
                 std::vector<std::uint64_t> strides, std::vector<std::uint32_t> box, int swizzle,
                 int fill) {
    TensorMap map;
    std::vector<std::uint32_t> ones(extents.size(), 1);
    bool missing = false;
    const char* wrong = encode_tensor_map(
        &map, static_cast<int>(type), static_cast<unsigned>(extents.size()), p, extents.data(),
        strides.data(), box.data(), ones.data(), 0, swizzle, fill, &missing);
    EXPECT_EQ(wrong, nullptr) << wrong;
    return map;
}

TEST(Instructions, Tensor3D_BoxAcrossEdges_IsFilledAndStored) {
    // bf16, 24 x 5 x 4, rows padded; the box is 8 x 3 x 2.
    Buffer<std::uint16_t> tensor(32 * 6 * 4), out(48);
    for (unsigned i = 0; i < tensor.size(); ++i)
        tensor[i] = static_cast<std::uint16_t>(i + 1);
    for (int fill = 0; fill < 2; ++fill) {
        TensorMap from =
            map_of(tensor.data(), TensorType::BF16, {24, 5, 4}, {64, 384}, {8, 3, 2}, 0, fill);
        TensorMap to = map_of(out.data(), TensorType::BF16, {8, 3, 2}, {16, 48}, {8, 3, 2}, 0, 0);
        for (auto at : {std::vector<int>{0, 0, 0}, {20, 3, 3}, {-3, -1, 1}, {8, 2, -1}})
            for (unsigned seed = 1; seed <= 8; ++seed) {
                Report r =
                    launch(di_sim_kernel_box_3d, dims_of(seed), from, to, 96u, at[0], at[1], at[2]);
                ASSERT_TRUE(r.empty()) << r.text;
                for (int z = 0; z < 2; ++z)
                    for (int y = 0; y < 3; ++y)
                        for (int x = 0; x < 8; ++x) {
                            int gx = at[0] + x, gy = at[1] + y, gz = at[2] + z;
                            bool in = gx >= 0 && gx < 24 && gy >= 0 && gy < 5 && gz >= 0 && gz < 4;
                            unsigned want = in ? static_cast<unsigned>(gx + 32 * gy + 192 * gz + 1)
                                            : fill ? 0x7fffu
                                                   : 0u;
                            ASSERT_EQ(out[static_cast<unsigned>(x + 8 * y + 24 * z)], want)
                                << x << y << z << " fill " << fill;
                        }
            }
    }
}

TEST(Instructions, Tensor4D_BoxAcrossEdges_IsFilled) {
    Buffer<unsigned char> tensor(32 * 3 * 4 * 5), out(16 * 2 * 2 * 3);
    for (unsigned i = 0; i < tensor.size(); ++i)
        tensor[i] = static_cast<unsigned char>(i % 251 + 1);
    TensorMap map =
        map_of(tensor.data(), TensorType::U8, {32, 3, 4, 5}, {32, 96, 384}, {16, 2, 2, 3}, 0, 0);
    for (auto at : {std::vector<int>{0, 0, 0, 0}, {24, 2, 3, 3}, {-5, -1, -1, -2}, {16, 1, 1, 1}})
        for (unsigned seed = 1; seed <= 4; ++seed) {
            Report r = launch(di_sim_kernel_box_4d, dims_of(seed), map, out.data(), 192u, at[0],
                              at[1], at[2], at[3]);
            ASSERT_TRUE(r.empty()) << r.text;
            for (int w = 0; w < 3; ++w)
                for (int z = 0; z < 2; ++z)
                    for (int y = 0; y < 2; ++y)
                        for (int x = 0; x < 16; ++x) {
                            int g[] = {at[0] + x, at[1] + y, at[2] + z, at[3] + w},
                                e[] = {32, 3, 4, 5};
                            bool in = true;
                            for (int d = 0; d < 4; ++d)
                                in = in && g[d] >= 0 && g[d] < e[d];
                            unsigned want = in ? tensor[static_cast<unsigned>(
                                                     g[0] + 32 * g[1] + 96 * g[2] + 384 * g[3])]
                                               : 0u;
                            ASSERT_EQ(out[static_cast<unsigned>(x + 16 * y + 32 * z + 64 * w)],
                                      want);
                        }
        }
}

TEST(Instructions, BarArrive_ProducerAndConsumer_HandOver) {
    Buffer<std::uint32_t> out(5 * 32);
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        Report r = launch(di_sim_kernel_handover, dims_of(seed, 64), out.data(), 5u, 0);
        ASSERT_TRUE(r.empty()) << r.text;
        for (unsigned i = 0; i < 160; ++i)
            ASSERT_EQ(out[i], i / 32 * 100 + 31 - i % 32);
        r = launch(di_sim_kernel_handover, dims_of(seed, 64), out.data(), 5u, 1);
        ASSERT_EQ(r.kind, "race") << seed << r.text;
    }
}

TEST(Instructions, Mbarrier_SixPhasesAndANewOne_Complete) {
    Buffer<std::uint32_t> out(6 * 32);
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        Report r = launch(di_sim_kernel_phases, dims_of(seed), out.data());
        ASSERT_TRUE(r.empty()) << r.text;
        for (unsigned i = 0; i < 192; ++i)
            ASSERT_EQ(out[i], i / 32 * 1000 + ((i % 32) ^ 7));
    }
}

TEST(Instructions, Cluster_CopyStoreAndArrival_ReachThePeer) {
    Buffer<std::uint32_t> out(64);
    for (unsigned seed = 1; seed <= kSeeds; ++seed) {
        Dims d = dims_of(seed, 32, 2);
        d.cluster = {2, 1, 1};
        Report r = launch(di_sim_kernel_cluster_send, d, out.data(), 0);
        ASSERT_TRUE(r.empty()) << r.text;
        for (unsigned i = 0; i < 32; ++i)
            ASSERT_EQ(out[i], i);
        ASSERT_EQ(out[32], 77u);
        ASSERT_EQ(out[33], 1005u);
        ASSERT_EQ(out[34], 5u);
        ASSERT_EQ(out[35], 2u);
        r = launch(di_sim_kernel_cluster_send, d, out.data(), 1);
        // Whichever use of the other block's memory comes first.
        EXPECT_TRUE(r.kind == "race" || r.kind == "uninitialised read" ||
                    r.kind == "uninitialised mbarrier")
            << seed << " [" << r.kind << "] " << r.text;
    }
}

TEST(Instructions, Orders_BlocksInTurn_SeeEachOther) {
    for (unsigned seed = 1; seed <= kSeeds; ++seed)
        for (int how = 0; how < 4; ++how) {
            Buffer<std::uint32_t> turn(1, 0u), plain(1, 1u), done(1, 0u);
            Report r = launch(di_sim_kernel_turns, dims_of(seed, 32, 6), turn.data(), plain.data(),
                              done.data(), how);
            if (how >= 2) {
                ASSERT_EQ(r.kind, "race") << how;
                continue;
            }
            ASSERT_TRUE(r.empty()) << r.text;
            unsigned want = 1;
            for (unsigned b = 0; b < 6; ++b)
                want = want * 3 + b;
            ASSERT_EQ(plain[0], want);
            ASSERT_EQ(done[0], 6u);
        }
}

TEST(Instructions, Registers_MoreThanAMultiprocessorHas_AreReported) {
    Report r = launch(di_sim_kernel_budget, dims_of(1, 384), 0);
    EXPECT_TRUE(r.empty()) << r.text; // 40 + 2 * 232 = 504 of 512
    EXPECT_EQ(launch(di_sim_kernel_budget, dims_of(1, 384), 1).kind, "register budget");
}

TEST(Instructions, Mma_MixedFormats_MatchTheIsaFragments) {
    for (int which = 0; which < 2; ++which) {
        Buffer<std::uint32_t> a(128, 0u), b(64, 0u);
        Buffer<float> d(128);
        std::vector<int> va(16 * 32), vb(32 * 8);
        unsigned char e4[5] = {0xb8, 0xb0, 0, 0x30, 0x38},
                      e5[5] = {0xbc, 0xb8, 0, 0x38, 0x3c}; // -1 -.5 0 .5 1
        for (unsigned i = 0; i < va.size(); ++i)
            va[i] = static_cast<int>(i * 7919 >> 3) % 5;
        for (unsigned i = 0; i < vb.size(); ++i)
            vb[i] = static_cast<int>(i * 104729 >> 4) % 5;
        for (unsigned lane = 0; lane < 32; ++lane) {
            for (unsigned i = 0; i < 16; ++i) {
                unsigned row = lane / 4 + (i / 4 % 2) * 8, k = lane % 4 * 4 + i % 4 + i / 8 * 16;
                int v = va[row * 32 + k];
                a[lane * 4 + i / 4] |= std::uint32_t{which == 0 ? e4[v] : e5[v]} << i % 4 * 8;
            }
            for (unsigned i = 0; i < 8; ++i) {
                unsigned k = lane % 4 * 4 + i % 4 + i / 4 * 16;
                int v = vb[k * 8 + lane / 4];
                b[lane * 2 + i / 4] |= std::uint32_t{which == 0 ? e5[v] : e4[v]} << i % 4 * 8;
            }
            for (unsigned i = 0; i < 4; ++i)
                d[lane * 4 + i] = 2;
        }
        Report r = launch(di_sim_kernel_mixed_mma, Dims{}, a.data(), b.data(), d.data(), which);
        ASSERT_TRUE(r.empty()) << r.text;
        for (unsigned lane = 0; lane < 32; ++lane)
            for (unsigned i = 0; i < 4; ++i) {
                unsigned row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
                float want = 2;
                for (unsigned k = 0; k < 32; ++k)
                    want +=
                        static_cast<float>((va[row * 32 + k] - 2) * (vb[k * 8 + column] - 2)) / 4;
                ASSERT_EQ(d[lane * 4 + i], want);
            }
    }
}

struct WideCase {
    const di_sim_kernel_info* kernel;
    unsigned n;
};
class WideProducts : public testing::TestWithParam<std::tuple<int, int>> {};
TEST_P(WideProducts, MatchScalarProduct) {
    const WideCase all[] = {{&di_sim_kernel_wide8, 8},     {&di_sim_kernel_wide32, 32},
                            {&di_sim_kernel_wide64, 64},   {&di_sim_kernel_wide96, 96},
                            {&di_sim_kernel_wide128, 128}, {&di_sim_kernel_wide192, 192},
                            {&di_sim_kernel_wide256, 256}};
    const WideCase& c = all[std::get<0>(GetParam())];
    int type = std::get<1>(GetParam());
    unsigned bytes = type == 4 ? 1 : 2, k = 32 / bytes, per = 4 / bytes;
    auto encode = [&](int v) -> std::uint32_t {
        float f = static_cast<float>(v) / 2;
        if (type == 0)
            return float_to_bf16(f);
        if (type == 1)
            return float_to_half(f);
        return float_to_half(f) >> 8;
    };
    std::vector<int> a(64 * k), b(c.n * k);
    for (unsigned i = 0; i < a.size(); ++i)
        a[i] = static_cast<int>(i * 2654435761u >> 20) % 5 - 2;
    for (unsigned i = 0; i < b.size(); ++i)
        b[i] = static_cast<int>((i + 77) * 2246822519u >> 20) % 5 - 2;
    Buffer<unsigned char> operands(2048 + 32 * c.n, static_cast<unsigned char>(0));
    auto put = [&](unsigned base, unsigned row, unsigned col, int v) {
        // K-major without swizzle: cores of 8 rows x 16 bytes, 128 bytes apart along k, 256 along
        // rows.
        unsigned byte = col * bytes,
                 at = base + row / 8 * 256 + byte / 16 * 128 + row % 8 * 16 + byte % 16;
        std::uint32_t code = encode(v);
        for (unsigned i = 0; i < bytes; ++i)
            operands[at + i] = static_cast<unsigned char>(code >> 8 * i);
    };
    for (unsigned r = 0; r < 64; ++r)
        for (unsigned l = 0; l < k; ++l)
            put(0, r, l, a[r * k + l]);
    for (unsigned r = 0; r < c.n; ++r)
        for (unsigned l = 0; l < k; ++l)
            put(2048, r, l, b[r * k + l]);
    Buffer<std::uint32_t> registers(512, 0u);
    for (unsigned t = 0; t < 128; ++t)
        for (unsigned i = 0; i < 4 * per; ++i) {
            unsigned row = t / 32 * 16 + t % 32 / 4 + (i / per % 2) * 8;
            unsigned col = t % 4 * per + i % per + i / per / 2 * (k / 2);
            registers[t * 4 + i / per] |= encode(a[row * k + col]) << i % per * 8 * bytes;
        }
    Buffer<float> out(64 * c.n);
    for (unsigned seed = 1; seed <= 4; ++seed)
        for (int keep = 0; keep < 2; ++keep) {
            Dims d;
            d.block = {128, 1, 1};
            d.shared = 2048 + 32 * c.n;
            d.seed = seed;
            Report r =
                launch(*c.kernel, d, operands.data(), out.data(), registers.data(), type, keep);
            ASSERT_TRUE(r.empty()) << r.text;
            for (unsigned t = 0; t < 128; ++t)
                for (unsigned i = 0; i < c.n / 2; ++i) {
                    unsigned row = t / 32 * 16 + t % 32 / 4 + i % 4 / 2 * 8,
                             col = i / 4 * 8 + t % 4 * 2 + i % 2;
                    float want = keep ? 3.0f : 0.0f;
                    for (unsigned l = 0; l < k; ++l)
                        want += static_cast<float>(2 * a[row * k + l] * b[col * k + l]) / 4;
                    ASSERT_EQ(out[t * (c.n / 2) + i], want) << t << " " << i;
                }
        }
}
INSTANTIATE_TEST_SUITE_P(All, WideProducts,
                         testing::Combine(testing::Range(0, 7), testing::Values(0, 1, 4)));

} // namespace
} // namespace cudasim::test
