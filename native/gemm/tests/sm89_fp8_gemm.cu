// SPDX-License-Identifier: MIT
// Instantiations of the plain FP8 multiplication, compiled by nvcc for its figures. Products
// instantiate it at run time.
#include "gemm/jit/impls/sm89_fp8_gemm.cuh"

using namespace di::gemm;

#define INSTANTIATE(...)                                                                           \
    template __global__ void di::gemm::sm89_fp8_gemm<Fp8GemmConfig<__VA_ARGS__>>(                  \
        const __grid_constant__ Fp8GemmParams)

INSTANTIATE(CodeKind::kE4M3, CodeKind::kE4M3, true, true, 128);
INSTANTIATE(CodeKind::kE4M3, CodeKind::kE2M1, true, true, 32);
INSTANTIATE(CodeKind::kE2M1, CodeKind::kE4M3, false, false, 64);
INSTANTIATE(CodeKind::kE4M3, CodeKind::kE2M1, false, false, 32);
INSTANTIATE(CodeKind::kE5M2, CodeKind::kE4M3, true, true, 128);
INSTANTIATE(CodeKind::kE5M2, CodeKind::kE5M2, false, true, 128);
INSTANTIATE(CodeKind::kE4M3, CodeKind::kE5M2, true, false, 128);
