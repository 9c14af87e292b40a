// SPDX-License-Identifier: MIT
// libdeepinfra_gemm_cpu: inner loops of matrix multiplication on host memory, for instructions that
// managed code cannot reach. No GPU, no threads, no allocation: the caller packs, divides the work
// and writes results.
//
// Errors of every operation: DI_STATUS_INVALID_ARGUMENT for an argument that breaks the rules,
// DI_STATUS_NOT_SUPPORTED for a kernel that di_gemm_cpu_kernels does not name.
// di_gemm_cpu_last_error has the details.
#pragma once

#include <stdint.h>

#include "deepinfra/base.h"

#ifdef __cplusplus
extern "C" {
#endif

// The version of this ABI: the upper half changes with every break, the lower half with every
// addition. The generator of the bindings refuses a change without its version.
#define DI_GEMM_CPU_ABI_VERSION 0x00010000u

// Version of the ABI that the library implements, (major << 16) | minor. [any]
DI_API uint32_t di_gemm_cpu_abi_version(void);

// Version, commit and compiler as a JSON object, UTF-8. The text lives as long as the library.
// [any]
DI_API const char* di_gemm_cpu_build_info(void);

// Sizes and offsets of every type of this ABI as the library's compiler laid them out. The array
// lives as long as the library. [any]
// @param count Number of entries.
DI_API const di_abi_field* di_gemm_cpu_abi_layout(int32_t* count);

// Copies the error record of the calling thread. [any]
// @param out The record; struct_size is set by the caller.
DI_API di_status di_gemm_cpu_last_error(di_error_info* out);

// Kernels of this library.
// @name: NativeGemmCpuKernels
enum di_gemm_cpu_kernel_flags {
    // di_gemm_cpu_multiply_bf16, by the dot products of AVX512-BF16.
    DI_GEMM_CPU_KERNEL_BF16 = 1,
};

// The kernels that this build has and that processor and operating system can run: any of
// di_gemm_cpu_kernel_flags. [any]
DI_API uint32_t di_gemm_cpu_kernels(void);

// Parameters of di_gemm_cpu_multiply_bf16.
// @name: NativeGemmCpuBf16Params
typedef struct di_gemm_cpu_bf16_params {
    // sizeof(di_gemm_cpu_bf16_params).
    uint32_t struct_size;
    // Rows of A, 1 to 14 x row_panels.
    int32_t rows;
    // Row panels of A, at least 1: panel i of n has rows [rows i / n, rows (i + 1) / n).
    int32_t row_panels;
    // 1: A is [rows][128]; 0: it is [row_panels][64][16][2], columns of pairs along K.
    uint32_t row_major;
    // Elements along K, 1 to 128. With an odd number the second half of the last pair must be zero
    // in both operands.
    int32_t depth;
    // Elements along K that share a pair of scales, even; or at least depth.
    int32_t step;
    // From the scales of one step to those of the next, for A.
    int32_t scale_stride_a;
    // The same for B.
    int32_t scale_stride_b;
    // 1: tiles are written; 0: they are added to.
    uint32_t overwrite;
} di_gemm_cpu_bf16_params;

// Multiplies the packed rows of A with one packed panel of 32 columns of B: for each step
// tile += (scale_a[row] scale_b[column]) sum, the sum over the products of the step in binary32.
// Each pair of K is added as the instruction vdpbf16ps does it: two fused steps, rounded to nearest
// even, subnormal inputs and results are zero. Infinities and NaN propagate. Scaling and adding to
// the tile are binary32 operations that keep subnormals. [any]
// @param a Packed bfloat16, 64-byte aligned, see row_major.
// @param b [64][32][2] packed bfloat16, 64-byte aligned: pairs along K of each column.
// @param scale_a [steps][scale_stride_a] float32: one factor per row.
// @param scale_b [steps][scale_stride_b] float32, 64-byte aligned rows: one factor per column.
// @param tiles [row_panels][14][32] float32, 64-byte aligned: row r of panel i is the r-th of its
// rows.
// @param params Extents and formats.
DI_API di_status di_gemm_cpu_multiply_bf16(const uint16_t* a, const uint16_t* b,
                                           const float* scale_a, const float* scale_b, float* tiles,
                                           const di_gemm_cpu_bf16_params* params);

#ifdef __cplusplus
}
#endif
