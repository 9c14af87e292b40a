// SPDX-License-Identifier: MIT
// The AVX512-BF16 kernel. Its source is compiled with instructions that not every processor has, so
// it includes nothing with inline functions that the linker could take for the rest of the library.
#pragma once

#include <stdint.h>

namespace di::gemm_cpu {

inline constexpr int kDepth = 128;
inline constexpr int kMaxRows = 14;
inline constexpr int kColumns = 32;
inline constexpr int kColumnStride = 16;

// di_gemm_cpu_multiply_bf16 with checked arguments.
struct Bf16Product {
    const uint32_t* a;
    const uint32_t* b;
    const float* scale_a;
    const float* scale_b;
    float* tiles;
    int rows;
    int row_panels;
    bool row_major;
    int depth;
    int step;
    int scale_stride_a;
    int scale_stride_b;
    bool overwrite;
};

// Null if the compiler did not know the instructions.
extern void (*const multiply_bf16)(const Bf16Product& product);

} // namespace di::gemm_cpu
