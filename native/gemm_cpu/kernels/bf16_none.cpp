// SPDX-License-Identifier: MIT
// In place of the AVX512-BF16 kernel, for other processors and for compilers that do not know it.
#include "gemm_cpu/kernels/bf16.h"

namespace di::gemm_cpu {

void (*const multiply_bf16)(const Bf16Product& product) = nullptr;

} // namespace di::gemm_cpu
