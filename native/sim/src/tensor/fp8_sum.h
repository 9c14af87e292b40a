// SPDX-License-Identifier: MIT
// How tensor cores add products of eight-bit numbers. By default exactly as all others here; with
// DEEPINFRA_CUDASIM_FP8_ACCUMULATION=hopper as Hopper and Ada do, which keep 13 bits behind the
// point of the largest addend (DeepSeek-V3 technical report, 3.5.2; MMA-Sim, arXiv 2511.10909).
#pragma once

#include "core/model.h"

namespace cudasim {

// What the environment asks for, which is read at every call. Fails for an unknown word.
bool truncates_fp8(Thread* t, const void* caller);

// d[rows][n] += a[rows][k] * b[k][n] with elements of type_a and type_b as floats: the products of
// one instruction and d are aligned to the largest exponent among them, cut to 13 fraction bits
// towards zero, added exactly, and the sum is cut to 13 fraction bits.
void multiply_truncating(const float* a, const float* b, float* d, int rows, int n, int k,
                         int type_a, int type_b);

} // namespace cudasim
