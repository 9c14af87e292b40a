// SPDX-License-Identifier: MIT
#include "tensor/multiply.h"

#include <cstring>

#include "core/vectors.h"

namespace cudasim {

namespace {

// Vectors of the compiler; it splits them where the processor has shorter ones.
using Vector = float __attribute__((vector_size(64)));
using Short = float __attribute__((vector_size(32)));

template <typename V> inline __attribute__((always_inline)) V load(const float* p) {
    V v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

// Rows x (Count vectors) of d stay in registers over all of k.
template <typename V, int Rows, int Count>
inline __attribute__((always_inline)) void block(const float* a, const float* b, float* d, int n,
                                                 int k) {
    constexpr int kWidth = sizeof(V) / sizeof(float);
    V sum[Rows][Count];
    for (int r = 0; r < Rows; ++r)
        for (int c = 0; c < Count; ++c)
            sum[r][c] = load<V>(d + r * n + c * kWidth);
    for (int i = 0; i < k; ++i) {
        V row[Count];
        for (int c = 0; c < Count; ++c)
            row[c] = load<V>(b + i * n + c * kWidth);
        for (int r = 0; r < Rows; ++r) {
            const float scale = a[r * k + i];
            for (int c = 0; c < Count; ++c)
                sum[r][c] += scale * row[c];
        }
    }
    for (int r = 0; r < Rows; ++r)
        for (int c = 0; c < Count; ++c)
            std::memcpy(d + r * n + c * kWidth, &sum[r][c], sizeof(V));
}

inline __attribute__((always_inline)) void multiply_tile_body(const float* a, const float* b,
                                                              float* d, int n, int k) {
    int c = 0;
    for (; c + 32 <= n; c += 32)
        for (int r = 0; r < 64; r += 8)
            block<Vector, 8, 2>(a + r * k, b + c, d + r * n + c, n, k);
    for (; c < n; c += 8)
        for (int r = 0; r < 64; r += 8)
            block<Short, 8, 1>(a + r * k, b + c, d + r * n + c, n, k);
}

} // namespace

CUDASIM_VECTORS(void, multiply_tile, (const float* a, const float* b, float* d, int n, int k),
                (a, b, d, n, k))

} // namespace cudasim
