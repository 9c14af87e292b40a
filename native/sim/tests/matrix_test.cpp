// SPDX-License-Identifier: MIT
// Fragments, mma and wgmma against tables and formulas written from the PTX ISA, independent of the
// simulator's own.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "gemm_runner.h"

extern "C" {
extern const di_sim_kernel_info di_sim_kernel_ld_matrix, di_sim_kernel_mma,
    di_sim_kernel_wgmma_once, di_sim_kernel_wgmma_any;
}

namespace cudasim::test {
namespace {

// Types as the kernels number them: 0 bf16, 1 f16, 2 tf32, 3 e4m3, 4 e5m2.
constexpr unsigned kBytes[] = {2, 2, 4, 1, 1};

// Small numbers that every format holds exactly, and their codes.
std::uint32_t encode(int type, int value) {
    float f = static_cast<float>(value) / 4;
    if (type == 0)
        return float_to_bf16(f);
    if (type == 1)
        return float_to_half(f);
    if (type == 2)
        return float_bits(f) | 0x1fffu; // the low bits are ignored
    for (unsigned code = 0; code < 256; ++code) {
        float g = type == 3 ? e4m3_to_float(static_cast<std::uint8_t>(code))
                            : e5m2_to_float(static_cast<std::uint8_t>(code));
        if (g == f)
            return code;
    }
    ADD_FAILURE() << "no code for " << f;
    return 0;
}

// Values -1, -0.5, ... 1: exact in all formats.
int value_of(unsigned i) { return (static_cast<int>(i * 2654435761u >> 16) % 5 - 2) * 2; }

TEST(Numbers, SmallFormats_KnownCodes) {
    EXPECT_EQ(e4m3_to_float(0x7e), 448.0f);
    EXPECT_EQ(e4m3_to_float(0x38), 1.0f);
    EXPECT_EQ(e4m3_to_float(0x01), 0.001953125f);
    EXPECT_TRUE(std::isnan(e4m3_to_float(0xff)));
    EXPECT_EQ(e5m2_to_float(0x7b), 57344.0f);
    EXPECT_EQ(e5m2_to_float(0x3c), 1.0f);
    EXPECT_TRUE(std::isinf(e5m2_to_float(0x7c)));
    for (unsigned i = 0; i < 65536; ++i) {
        float f = half_to_float(static_cast<std::uint16_t>(i));
        if (!std::isnan(f)) {
            ASSERT_EQ(float_to_half(f), i);
        }
        float b = bf16_to_float(static_cast<std::uint16_t>(i));
        if (!std::isnan(b)) {
            ASSERT_EQ(float_to_bf16(b), i);
        }
    }
    EXPECT_EQ(float_to_half(65520.0f), 0x7c00);
    EXPECT_EQ(float_to_half(1e-8f), 0);
}

TEST(LdMatrix, LanesGetTheirElements_AndStMatrixPutsThemBack) {
    Buffer<std::uint16_t> in(256);
    Buffer<std::uint32_t> out(384);
    for (unsigned i = 0; i < 256; ++i)
        in[i] = static_cast<std::uint16_t>(i);
    for (int transpose = 0; transpose < 2; ++transpose) {
        Dims dims;
        dims.shared = 17408;
        Report report = launch(di_sim_kernel_ld_matrix, dims, in.data(), out.data(), transpose);
        ASSERT_TRUE(report.empty()) << report.text;
        for (unsigned lane = 0; lane < 32; ++lane)
            for (unsigned m = 0; m < 4; ++m) {
                // Thread T holds the pair at row T / 4, columns 2 (T mod 4) and the next;
                // transposed, of the transpose.
                unsigned r = lane / 4, c = 2 * (lane % 4);
                unsigned low = transpose != 0 ? c * 8 + r : r * 8 + c,
                         high = transpose != 0 ? (c + 1) * 8 + r : r * 8 + c + 1;
                ASSERT_EQ(out[lane * 4 + m], (m * 64 + low) | (m * 64 + high) << 16);
            }
        for (unsigned i = 0; i < 256; ++i)
            ASSERT_EQ(out[128 + i], i);
    }
}

class Mma : public testing::TestWithParam<int> {};

TEST_P(Mma, MatchesTheIsaFragments) {
    int type = GetParam();
    unsigned bytes = kBytes[type], per = 4 / bytes, k = 32 / bytes;
    std::vector<int> a(16 * k), b(k * 8);
    for (unsigned i = 0; i < a.size(); ++i)
        a[i] = value_of(i);
    for (unsigned i = 0; i < b.size(); ++i)
        b[i] = value_of(i + 999);
    Buffer<std::uint32_t> ra(128, 0u), rb(64, 0u);
    Buffer<float> d(128);
    for (unsigned lane = 0; lane < 32; ++lane) {
        unsigned group = lane >> 2, in_group = lane % 4;
        for (unsigned i = 0; i < 4 * per; ++i) {
            // "row = groupID for the first and third register, groupID + 8 else; column = thread in
            // group * n + element, the second half of the registers k / 2 further".
            unsigned row = (i / per) % 2 == 0 ? group : group + 8;
            unsigned column = in_group * per + i % per + (i / per >= 2 ? k / 2 : 0);
            ra[lane * 4 + i / per] |= encode(type, a[row * k + column]) << (i % per * 8 * bytes);
        }
        for (unsigned i = 0; i < 2 * per; ++i) {
            unsigned row = in_group * per + i % per + (i / per == 1 ? k / 2 : 0);
            rb[lane * 2 + i / per] |= encode(type, b[row * 8 + group]) << (i % per * 8 * bytes);
        }
        for (unsigned i = 0; i < 4; ++i)
            d[lane * 4 + i] = static_cast<float>(lane);
    }
    Report report = launch(di_sim_kernel_mma, Dims{}, ra.data(), rb.data(), d.data(), type);
    ASSERT_TRUE(report.empty()) << report.text;
    for (unsigned lane = 0; lane < 32; ++lane)
        for (unsigned i = 0; i < 4; ++i) {
            unsigned row = i < 2 ? lane >> 2 : (lane >> 2) + 8, column = lane % 4 * 2 + (i & 1);
            float want = static_cast<float>(lane);
            for (unsigned l = 0; l < k; ++l)
                want += static_cast<float>(a[row * k + l] * b[l * 8 + column]) / 16;
            ASSERT_EQ(d[lane * 4 + i], want) << "lane " << lane << " register " << i;
        }
}
INSTANTIATE_TEST_SUITE_P(Types, Mma, testing::Range(0, 5));

struct WgmmaCase {
    int type, swizzle, transposes, registers; // swizzle in 16 << swizzle bytes, 0 none
};

class Wgmma : public testing::TestWithParam<WgmmaCase> {};

// Byte offset of element (row, k) of an operand in canonical layout.
// Swizzles exchange chunks of 16 bytes as in the drawings of the ISA (rows are lines of the
// swizzle's width).
unsigned place(unsigned row, unsigned k, unsigned bytes, int swizzle, bool mn, unsigned leading,
               unsigned stride) {
    unsigned along = mn ? row : k, across = mn ? k : row; // contiguous and line index
    unsigned span = swizzle == 0 ? 16 : 16u << swizzle, byte = along * bytes;
    unsigned chunk = byte % span / 16, line = across % 8, tile = byte / span, group = across / 8;
    unsigned physical = chunk;
    if (swizzle == 3)
        physical = chunk ^ line;
    if (swizzle == 2)
        physical = chunk ^ (line / 2);
    if (swizzle == 1)
        physical = chunk ^ (line / 4);
    // Without swizzle the roles of the two offsets differ between K-major and MN-major.
    unsigned tile_step = leading, group_step = stride;
    if (swizzle == 0 && mn) {
        tile_step = stride;
        group_step = leading;
    }
    return tile * tile_step + group * group_step + line * span + physical * 16 + byte % 16;
}

TEST_P(Wgmma, MatchesScalarProduct) {
    WgmmaCase c = GetParam();
    unsigned bytes = kBytes[c.type], k = 32 / bytes, n = 16;
    std::vector<int> a(64 * k), b(n * k);
    for (unsigned i = 0; i < a.size(); ++i)
        a[i] = value_of(i);
    for (unsigned i = 0; i < b.size(); ++i)
        b[i] = value_of(i + 31337);
    bool mn_a = (c.transposes & 1) != 0, mn_b = (c.transposes & 2) != 0;
    unsigned atom = c.swizzle == 0 ? 128 : 8 * (16u << c.swizzle);
    // Lay atoms out so that no two operands' pieces meet.
    unsigned leading = atom, stride = c.swizzle == 0 && !mn_a ? 256 : (mn_a || mn_b ? 4096 : atom);
    if (c.swizzle == 0)
        leading = 128, stride = 256;
    if (c.swizzle == 0 && (mn_a || mn_b))
        leading = 2048, stride = 128;
    unsigned leading_a = leading, stride_a = stride, leading_b = leading, stride_b = stride;
    if (c.swizzle != 0) {
        stride_a = mn_a ? 4096 : atom;
        stride_b = mn_b ? 4096 : atom;
    } else if (!mn_a) {
        leading_a = 128, stride_a = 256;
    }
    if (c.swizzle == 0 && !mn_b)
        leading_b = 128, stride_b = 256;
    Buffer<unsigned char> operands(16384, static_cast<unsigned char>(0));
    auto put = [&](unsigned at, int value) {
        std::uint32_t code = encode(c.type, value);
        for (unsigned i = 0; i < bytes; ++i)
            operands[at + i] = static_cast<unsigned char>(code >> (8 * i));
    };
    for (unsigned r = 0; r < 64; ++r)
        for (unsigned l = 0; l < k; ++l)
            put(place(r, l, bytes, c.swizzle, mn_a, leading_a, stride_a), a[r * k + l]);
    for (unsigned r = 0; r < n; ++r)
        for (unsigned l = 0; l < k; ++l)
            put(8192 + place(r, l, bytes, c.swizzle, mn_b, leading_b, stride_b), b[r * k + l]);
    Buffer<std::uint32_t> registers(512, 0u);
    for (unsigned t = 0; t < 128; ++t) {
        unsigned per = 4 / bytes, lane = t % 32;
        for (unsigned i = 0; i < 4 * per; ++i) {
            unsigned row = t / 32 * 16 + (lane >> 2) + ((i / per) % 2 == 0 ? 0 : 8);
            unsigned column = lane % 4 * per + i % per + (i / per >= 2 ? k / 2 : 0);
            registers[t * 4 + i / per] |= encode(c.type, a[row * k + column])
                                          << (i % per * 8 * bytes);
        }
    }
    auto descriptor = [&](unsigned lead, unsigned step) {
        std::uint64_t mode = c.swizzle == 0 ? 0 : 4 - static_cast<unsigned>(c.swizzle);
        return std::uint64_t{lead >> 4} << 16 | std::uint64_t{step >> 4} << 32 | mode << 62;
    };
    Buffer<float> out(1024);
    for (unsigned seed = 1; seed <= 4; ++seed) {
        Dims dims;
        dims.block = {128, 1, 1};
        dims.shared = 17408;
        dims.seed = seed;
        Report report = launch(di_sim_kernel_wgmma_once, dims, operands.data(), out.data(),
                               registers.data(), descriptor(leading_a, stride_a),
                               descriptor(leading_b, stride_b), c.type, c.transposes, c.registers);
        ASSERT_TRUE(report.empty()) << report.text;
        for (unsigned t = 0; t < 128; ++t)
            for (unsigned i = 0; i < 8; ++i) {
                // D: warp w has rows 16 w ..; in a warp as mma's C, repeated every 8 columns.
                unsigned lane = t % 32, row = t / 32 * 16 + (lane >> 2) + (i % 4 < 2 ? 0 : 8);
                unsigned column = i / 4 * 8 + lane % 4 * 2 + (i & 1);
                float want = 1;
                for (unsigned l = 0; l < k; ++l)
                    want += static_cast<float>(a[row * k + l] * b[column * k + l]) / 16;
                ASSERT_EQ(out[t * 8 + i], want) << "thread " << t << " register " << i;
            }
    }
}

INSTANTIATE_TEST_SUITE_P(
    All, Wgmma,
    testing::Values(WgmmaCase{0, 0, 0, 0}, WgmmaCase{0, 1, 0, 0}, WgmmaCase{0, 2, 0, 0},
                    WgmmaCase{0, 3, 0, 0}, WgmmaCase{0, 3, 1, 0}, WgmmaCase{0, 3, 2, 0},
                    WgmmaCase{0, 3, 3, 0}, WgmmaCase{0, 2, 1, 0}, WgmmaCase{0, 1, 1, 0},
                    WgmmaCase{0, 0, 1, 0}, WgmmaCase{0, 0, 3, 0}, WgmmaCase{1, 3, 0, 0},
                    WgmmaCase{2, 3, 0, 0}, WgmmaCase{2, 0, 0, 0}, WgmmaCase{3, 3, 0, 0},
                    WgmmaCase{3, 2, 0, 0}, WgmmaCase{4, 1, 0, 0}, WgmmaCase{0, 3, 0, 1},
                    WgmmaCase{2, 3, 0, 1}, WgmmaCase{3, 3, 0, 1}));

struct WgmmaArguments {
    std::uint64_t desc_a, desc_b;
    int n, type, transposes, from_registers, scale_d, sign_a, sign_b;
};

// One operand in shared memory: where its elements lie and the descriptor that says so.
struct Layout {
    int swizzle;
    bool mn;
    unsigned leading, stride;

    Layout(int swizzle, bool mn) : swizzle(swizzle), mn(mn) {
        const unsigned atom = 8 * (16u << swizzle);
        if (swizzle == 0 && mn) // pieces of eight rows 128 bytes apart, eights of k behind all
            leading = 4096, stride = 128;
        else if (swizzle == 0)
            leading = 128, stride = 256;
        else if (mn)
            leading = 2 * atom, stride = atom;
        else
            leading = 0, stride = atom;
    }
    std::uint64_t descriptor() const {
        std::uint64_t mode = swizzle == 0 ? 0 : 4 - static_cast<unsigned>(swizzle);
        return std::uint64_t{leading >> 4} << 16 | std::uint64_t{stride >> 4} << 32 | mode << 62;
    }
};

// Every n of every type: a from shared memory or registers, the layouts, signs and the start of the
// sums in turn, so that each meets each.
class WgmmaShapes : public testing::TestWithParam<int> {};

TEST_P(WgmmaShapes, EveryN_MatchesScalarProduct) {
    const int type = GetParam();
    const unsigned bytes = kBytes[type], k = 32 / bytes, per = 4 / bytes;
    std::vector<int> a(64 * k), b(256 * k);
    for (unsigned i = 0; i < a.size(); ++i)
        a[i] = value_of(i + 5);
    for (unsigned i = 0; i < b.size(); ++i)
        b[i] = value_of(i + 4711);
    Buffer<std::uint32_t> registers(512, 0u);
    for (unsigned t = 0; t < 128; ++t)
        for (unsigned i = 0; i < 4 * per; ++i) {
            unsigned row = t / 32 * 16 + t % 32 / 4 + ((i / per) % 2 == 0 ? 0 : 8);
            unsigned column = t % 4 * per + i % per + (i / per >= 2 ? k / 2 : 0);
            registers[t * 4 + i / per] |= encode(type, a[row * k + column])
                                          << (i % per * 8 * bytes);
        }
    Buffer<float> out(128 * 128);
    unsigned turn = 0;
    for (unsigned n = 8; n <= 256; n += 8)
        for (int transposes = 0; transposes < (bytes == 2 ? 4 : 1); ++transposes) {
            const int swizzle = static_cast<int>(turn % 4), other = static_cast<int>(turn / 4 % 4);
            const bool from_registers = turn % 3 == 0 && (transposes & 1) == 0;
            const Layout layout_a(other, (transposes & 1) != 0),
                layout_b(swizzle, (transposes & 2) != 0);
            WgmmaArguments w{layout_a.descriptor(),
                             layout_b.descriptor(),
                             static_cast<int>(n),
                             type,
                             transposes,
                             from_registers,
                             turn / 2 % 2 != 0,
                             turn % 5 == 0 ? -1 : 1,
                             turn % 7 < 2 ? -1 : 1};
            Buffer<unsigned char> operands(40960, static_cast<unsigned char>(0));
            auto put = [&](unsigned base, const Layout& l, unsigned row, unsigned col, int value) {
                std::uint32_t code = encode(type, value);
                unsigned at = base + place(row, col, bytes, l.swizzle, l.mn, l.leading, l.stride);
                for (unsigned i = 0; i < bytes; ++i)
                    operands[at + i] = static_cast<unsigned char>(code >> (8 * i));
            };
            for (unsigned r = 0; r < 64; ++r)
                for (unsigned l = 0; l < k; ++l)
                    put(0, layout_a, r, l, a[r * k + l]);
            for (unsigned r = 0; r < n; ++r)
                for (unsigned l = 0; l < k; ++l)
                    put(8192, layout_b, r, l, b[r * k + l]);
            Dims dims;
            dims.block = {128, 1, 1};
            dims.shared = 40960;
            dims.seed = ++turn;
            Report report = launch(di_sim_kernel_wgmma_any, dims, operands.data(), out.data(),
                                   registers.data(), w);
            ASSERT_TRUE(report.empty()) << report.text;
            for (unsigned t = 0; t < 128; ++t)
                for (unsigned i = 0; i < n / 2; ++i) {
                    unsigned row = t / 32 * 16 + t % 32 / 4 + (i % 4 < 2 ? 0 : 8);
                    unsigned column = i / 4 * 8 + t % 4 * 2 + (i & 1);
                    float want = w.scale_d != 0 ? 1.0f : 0.0f;
                    for (unsigned l = 0; l < k; ++l)
                        want += static_cast<float>(w.sign_a * w.sign_b * a[row * k + l] *
                                                   b[column * k + l]) /
                                16;
                    ASSERT_EQ(out[t * 128 + i], want)
                        << "n " << n << " transposes " << transposes << " swizzles " << other
                        << swizzle << " thread " << t << " register " << i;
                }
        }
}
INSTANTIATE_TEST_SUITE_P(Types, WgmmaShapes, testing::Range(0, 5));

} // namespace
} // namespace cudasim::test
