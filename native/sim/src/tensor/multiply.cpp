// SPDX-License-Identifier: MIT
#include "tensor/multiply.h"

namespace cudasim {

namespace {

// Eight columns at a time stay in vector registers over all of k. The compiler vectorises the inner
// loop.
template <int Columns>
inline __attribute__((always_inline)) void block(const float* a, const float* b, float* d, int n,
                                                 int k) {
    float sum[4][Columns];
    for (int r = 0; r < 4; ++r)
        for (int c = 0; c < Columns; ++c)
            sum[r][c] = d[r * n + c];
    for (int i = 0; i < k; ++i)
        for (int r = 0; r < 4; ++r)
            for (int c = 0; c < Columns; ++c)
                sum[r][c] += a[r * k + i] * b[i * n + c];
    for (int r = 0; r < 4; ++r)
        for (int c = 0; c < Columns; ++c)
            d[r * n + c] = sum[r][c];
}

template <int Columns>
inline __attribute__((always_inline)) void columns(const float* a, const float* b, float* d, int n,
                                                   int k, int from) {
    for (int r = 0; r < 64; r += 4)
        block<Columns>(a + r * k, b + from, d + r * n + from, n, k);
}

} // namespace

#if defined(__x86_64__)
__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif
void multiply_tile(const float* a, const float* b, float* d, int n, int k) {
    int c = 0;
    for (; c + 32 <= n; c += 32)
        columns<32>(a, b, d, n, k, c);
    for (; c < n; c += 8)
        columns<8>(a, b, d, n, k, c);
}

} // namespace cudasim
