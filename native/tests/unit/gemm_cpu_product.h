// SPDX-License-Identifier: MIT
// One call of di_gemm_cpu_multiply_bf16 with operands of its own. What the call must not read is
// NaN, and what it must not write is a number that no sum has.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "deepinfra/gemm_cpu.h"

namespace di::test {

inline constexpr int kRowsOfPanel = 14, kColumns = 32, kDepth = 128;
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
inline constexpr float kUntouched = -12345.5f;

// Elements at a multiple of 64 bytes; a copy would have them elsewhere in its memory.
template <typename T> class Aligned {
  public:
    Aligned(size_t count, T value) : memory_(count + 64 / sizeof(T), value), count_(count) {}
    Aligned(Aligned&&) = default;
    T* get() {
        const auto address = reinterpret_cast<uintptr_t>(memory_.data());
        return memory_.data() + (-address % 64) / sizeof(T);
    }
    T& operator[](size_t i) { return get()[i]; }
    size_t size() const { return count_; }

  private:
    std::vector<T> memory_;
    size_t count_;
};

// Exact for what a bfloat16 holds, as all values of the tests are.
inline uint16_t to_bf16(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return static_cast<uint16_t>(bits >> 16);
}

struct Product {
    di_gemm_cpu_bf16_params params{};
    Aligned<uint16_t> a, b;
    Aligned<float> scale_a, scale_b, tiles;

    Product(int rows, int depth, int step, bool row_major, bool overwrite)
        : a(static_cast<size_t>(panels_of(rows)) * 16 * kDepth, to_bf16(kNan)),
          b(static_cast<size_t>(kDepth) * kColumns, to_bf16(kNan)),
          scale_a(static_cast<size_t>(steps_of(depth, step)) * (rows + 3), kNan),
          scale_b(static_cast<size_t>(steps_of(depth, step)) * (kColumns + 16), kNan),
          tiles(static_cast<size_t>(panels_of(rows)) * kRowsOfPanel * kColumns, kUntouched) {
        params.struct_size = sizeof params;
        params.rows = rows;
        params.row_panels = panels_of(rows);
        params.row_major = row_major;
        params.depth = depth;
        params.step = step;
        // The strides of a single step mean nothing.
        params.scale_stride_a = step < depth ? rows + 3 : 0;
        params.scale_stride_b = step < depth ? kColumns + 16 : 0;
        params.overwrite = overwrite;
    }

    static int panels_of(int rows) { return (rows + kRowsOfPanel - 1) / kRowsOfPanel; }
    static int steps_of(int depth, int step) { return (depth + step - 1) / step; }
    int steps() const { return steps_of(params.depth, params.step); }
    // A pair has both of its halves, the second of the last one zero if the depth is odd.
    int padded_depth() const { return (params.depth + 1) / 2 * 2; }

    int first_row(int panel) const {
        return static_cast<int>(int64_t{params.rows} * panel / params.row_panels);
    }
    int panel_of(int row) const {
        int panel = 0;
        while (first_row(panel + 1) <= row)
            panel++;
        return panel;
    }
    uint16_t& a_at(int row, int k) {
        const int panel = panel_of(row);
        return params.row_major != 0
                   ? a[static_cast<size_t>(row) * kDepth + k]
                   : a[((static_cast<size_t>(panel) * 64 + k / 2) * 16 + row - first_row(panel)) *
                           2 +
                       k % 2];
    }
    uint16_t& b_at(int k, int column) {
        return b[(static_cast<size_t>(k / 2) * kColumns + column) * 2 + k % 2];
    }
    float& scale_a_at(int step, int row) {
        return scale_a[static_cast<size_t>(step) * params.scale_stride_a + row];
    }
    float& scale_b_at(int step, int column) {
        return scale_b[static_cast<size_t>(step) * params.scale_stride_b + column];
    }
    float& tile_at(int row, int column) {
        const int panel = panel_of(row);
        return tiles[(static_cast<size_t>(panel) * kRowsOfPanel + row - first_row(panel)) *
                         kColumns +
                     column];
    }

    di_status run() {
        return di_gemm_cpu_multiply_bf16(a.get(), b.get(), scale_a.get(), scale_b.get(),
                                         tiles.get(), &params);
    }
};

inline std::string last_message() {
    di_error_info info{};
    info.struct_size = sizeof info;
    EXPECT_EQ(di_gemm_cpu_last_error(&info), DI_STATUS_OK);
    return info.message;
}

} // namespace di::test
