// SPDX-License-Identifier: MIT
// Instantiations of the plain FP8 multiplication: compiled by nvcc for its figures and for the
// simulator's tests. Products instantiate it at run time.
#include "gemm/jit/impls/sm89_fp8_gemm.cuh"

using namespace di::gemm;

#ifdef DEEPINFRA_SIM
#define VARIANT(name, a, b, k_major_a, k_major_b, step)                                            \
    DI_SIM_KERNEL(                                                                                 \
        name, 128,                                                                                 \
        sm89_fp8_gemm<Fp8GemmConfig<CodeKind::a, CodeKind::b, k_major_a, k_major_b, step>>);
#else
#define VARIANT(name, a, b, k_major_a, k_major_b, step)                                            \
    template __global__ void                                                                       \
    di::gemm::sm89_fp8_gemm<Fp8GemmConfig<CodeKind::a, CodeKind::b, k_major_a, k_major_b, step>>(  \
        const __grid_constant__ Fp8GemmParams);
#endif
#include "sm89_fp8_variants.inc"
