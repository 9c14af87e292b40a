// SPDX-License-Identifier: MIT
// The functions that exist once per vector width, against plain loops. CTest runs these and the
// matrix tests once per width.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/rng.h"
#include "core/vectors.h"
#include "memory/cells.h"
#include "tensor/fragments.h"
#include "tensor/multiply.h"
#include "tensor/operands.h"

namespace cudasim::test {
namespace {

float value(Rng& rng) { return static_cast<float>(rng.below(2001)) / 1000.0f - 1.0f; }

TEST(Vectors, ChosenWidth_IsTheOneAskedFor) {
    const char* asked = std::getenv("DEEPINFRA_CUDASIM_ISA");
    if (asked == nullptr)
        GTEST_SKIP() << "runs " << vector_isa_name() << ", as nothing else was asked for";
    if (std::strcmp(asked, vector_isa_name()) != 0)
        GTEST_SKIP() << "this processor has no " << asked; // and said so on standard error
    SUCCEED();
}

TEST(Vectors, MultiplyTile_EqualsTheLoop) {
    Rng rng;
    rng.reseed(1);
    for (int n : {8, 16, 24, 64, 72, 256}) {
        for (int k : {4, 8, 16, 32}) {
            std::vector<float> a(64 * k), b(k * n), d(64 * n), expected(64 * n);
            for (auto* v : {&a, &b, &d})
                for (float& f : *v)
                    f = value(rng);
            for (int r = 0; r < 64; ++r)
                for (int c = 0; c < n; ++c) {
                    double sum = d[r * n + c];
                    for (int i = 0; i < k; ++i)
                        sum += double{a[r * k + i]} * double{b[i * n + c]};
                    expected[r * n + c] = static_cast<float>(sum);
                }

            multiply_tile(a.data(), b.data(), d.data(), n, k);

            for (std::size_t i = 0; i < d.size(); ++i)
                ASSERT_NEAR(d[i], expected[i], 1e-5f) << "n " << n << " k " << k << " at " << i;
        }
    }
}

TEST(Vectors, DecodeChunks_EqualsOneElementAfterTheOther) {
    constexpr int kChunks = 100;
    Rng rng;
    rng.reseed(2);
    std::vector<std::uint8_t> bytes(16 * kChunks);
    for (std::uint8_t& b : bytes)
        b = static_cast<std::uint8_t>(rng.below(256));
    std::vector<std::uint32_t> offsets(kChunks);
    for (std::uint32_t& o : offsets)
        o = 16 * rng.below(kChunks);
    for (int type : {DI_SIM_BF16, DI_SIM_F16, DI_SIM_TF32, DI_SIM_E4M3, DI_SIM_E5M2}) {
        const int size = element_bytes(type), per = 16 / size;
        std::vector<float> out(static_cast<std::size_t>(kChunks * per));

        decode_chunks(type, bytes.data(), offsets.data(), kChunks, out.data());

        for (int i = 0; i < kChunks * per; ++i) {
            float want = element_to_float(type, bytes.data() + offsets[i / per] + i % per * size);
            float got = out[static_cast<std::size_t>(i)];
            ASSERT_TRUE(std::isnan(want) ? std::isnan(got) : got == want)
                << "type " << type << " element " << i << ": " << got << " and not " << want;
        }
    }
}

TEST(Vectors, Transpose_EqualsTheLoop) {
    for (int rows : {4, 16, 64, 256}) {
        for (int columns : {4, 8, 32}) {
            std::vector<float> in(rows * columns), out(rows * columns);
            for (std::size_t i = 0; i < in.size(); ++i)
                in[i] = static_cast<float>(i);

            transpose(in.data(), rows, columns, out.data());

            for (int r = 0; r < rows; ++r)
                for (int c = 0; c < columns; ++c)
                    ASSERT_EQ(out[c * rows + r], in[r * columns + c]);
        }
    }
}

TEST(Vectors, EqualCells_FindTheFirstDifference) {
    constexpr std::size_t kCells = 70;
    for (std::size_t n = 1; n <= kCells; ++n) {
        for (std::size_t different = 1; different <= n; ++different) {
            for (bool in_read : {false, true}) {
                std::vector<Cell> cells(n, Cell{5, 7});
                if (different < n)
                    (in_read ? cells[different].read : cells[different].write) = 6;

                ASSERT_EQ(equal_cells(cells.data(), n), different) << n;
            }
        }
    }
}

TEST(Vectors, FillCells_FillsThoseAndNoOthers) {
    for (std::size_t n = 0; n <= 40; ++n) {
        std::vector<Cell> cells(n + 2, Cell{1, 2});

        fill_cells(cells.data() + 1, n, Cell{3, 4});

        for (std::size_t i = 0; i < cells.size(); ++i) {
            const bool inside = i >= 1 && i <= n;
            ASSERT_EQ(cells[i].write, inside ? 3u : 1u);
            ASSERT_EQ(cells[i].read, inside ? 4u : 2u);
        }
    }
}

} // namespace
} // namespace cudasim::test
