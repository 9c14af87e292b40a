// SPDX-License-Identifier: MIT
#pragma once

namespace cudasim {

// d[64][n] += a[64][k] * b[k][n], products exact, sums in float.
void multiply_tile(const float* a, const float* b, float* d, int n, int k);

} // namespace cudasim
