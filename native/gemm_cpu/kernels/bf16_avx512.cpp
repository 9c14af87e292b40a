// SPDX-License-Identifier: MIT
// Micro-tiles of up to 14 x 32: 28 accumulators and two vectors of B leave two of 32 registers, and
// pairs of A are broadcast by the instruction that multiplies them.
#include "gemm_cpu/kernels/bf16.h"

#include <immintrin.h>

namespace di::gemm_cpu {

namespace {

constexpr int kPairs = kDepth / 2;
constexpr int kVectors = kColumns / 16;

// Places of a pair of A.
struct RowMajor {
    static constexpr int row_stride = kPairs;
    static constexpr int pair_stride = 1;
};

struct ColumnMajor {
    static constexpr int row_stride = 1;
    static constexpr int pair_stride = kColumnStride;
};

template <int Rows, typename Place>
void multiply_tile(const uint32_t* a, const uint32_t* b, int pairs, const float* scale_a,
                   const float* scale_b, float* tile, bool overwrite) {
    __m512 sums[Rows][kVectors];
#pragma GCC unroll 14
    for (int row = 0; row < Rows; row++)
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; v++)
            sums[row][v] = _mm512_setzero_ps();
    for (; pairs > 0; pairs--) {
        __m512bh columns[kVectors];
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; v++)
            columns[v] = (__m512bh)_mm512_load_si512(b + 16 * v);
#pragma GCC unroll 14
        for (int row = 0; row < Rows; row++) {
            const __m512bh pair = (__m512bh)_mm512_set1_epi32((int)a[row * Place::row_stride]);
#pragma GCC unroll 2
            for (int v = 0; v < kVectors; v++)
                sums[row][v] = _mm512_dpbf16_ps(sums[row][v], pair, columns[v]);
        }
        a += Place::pair_stride;
        b += kColumns;
    }
#pragma GCC unroll 14
    for (int row = 0; row < Rows; row++) {
        const __m512 scale = _mm512_set1_ps(scale_a[row]);
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; v++) {
            const __m512 factor = _mm512_mul_ps(scale, _mm512_load_ps(scale_b + 16 * v));
            float* target = tile + row * kColumns + 16 * v;
            _mm512_store_ps(
                target, overwrite ? _mm512_mul_ps(factor, sums[row][v])
                                  : _mm512_fmadd_ps(factor, sums[row][v], _mm512_load_ps(target)));
        }
    }
}

using Tile = void (*)(const uint32_t*, const uint32_t*, int, const float*, const float*, float*,
                      bool);

template <typename Place>
constexpr Tile kTiles[kMaxRows] = {
    multiply_tile<1, Place>,  multiply_tile<2, Place>,  multiply_tile<3, Place>,
    multiply_tile<4, Place>,  multiply_tile<5, Place>,  multiply_tile<6, Place>,
    multiply_tile<7, Place>,  multiply_tile<8, Place>,  multiply_tile<9, Place>,
    multiply_tile<10, Place>, multiply_tile<11, Place>, multiply_tile<12, Place>,
    multiply_tile<13, Place>, multiply_tile<14, Place>,
};

template <typename Place> void multiply_panels(const Bf16Product& p, long panel_stride) {
    for (int i = 0; i < p.row_panels; i++) {
        const int first = (int)((int64_t)p.rows * i / p.row_panels);
        const int rows = (int)((int64_t)p.rows * (i + 1) / p.row_panels) - first;
        const uint32_t* a = p.a + (panel_stride == 0 ? (int64_t)first * kPairs : i * panel_stride);
        float* tile = p.tiles + (int64_t)i * kMaxRows * kColumns;
        for (int k = 0, block = 0; k < p.depth; k += p.step, block++) {
            const int left = p.depth - k;
            kTiles<Place>[rows - 1](a + k / 2 * Place::pair_stride, p.b + k / 2 * kColumns,
                                    ((left < p.step ? left : p.step) + 1) / 2,
                                    p.scale_a + (int64_t)block * p.scale_stride_a + first,
                                    p.scale_b + (int64_t)block * p.scale_stride_b, tile,
                                    p.overwrite && k == 0);
        }
    }
}

void multiply(const Bf16Product& product) {
    if (product.row_major)
        multiply_panels<RowMajor>(product, 0);
    else
        multiply_panels<ColumnMajor>(product, kPairs * kColumnStride);
}

} // namespace

void (*const multiply_bf16)(const Bf16Product& product) = multiply;

} // namespace di::gemm_cpu
