// SPDX-License-Identifier: MIT
// Instantiations of the plain FP8 multiplication: compiled by nvcc for its figures and for the
// simulator's tests. Products instantiate it at run time.
#include "gemm/jit/impls/sm89_fp8_gemm.cuh"

using namespace di::gemm;

#ifdef DEEPINFRA_SIM
#define INSTANTIATE(name, ...) DI_SIM_KERNEL(name, 128, sm89_fp8_gemm<Fp8GemmConfig<__VA_ARGS__>>)
#else
#define INSTANTIATE(name, ...)                                                                     \
    template __global__ void di::gemm::sm89_fp8_gemm<Fp8GemmConfig<__VA_ARGS__>>(                  \
        const __grid_constant__ Fp8GemmParams)
#endif

// Every order of the operands, and every pair of element types and every step of the scales that
// the tests run.
INSTANTIATE(fp8_e4m3_e4m3_nt_128, CodeKind::kE4M3, CodeKind::kE4M3, true, true, 128);
INSTANTIATE(fp8_e4m3_e4m3_nn_128, CodeKind::kE4M3, CodeKind::kE4M3, true, false, 128);
INSTANTIATE(fp8_e4m3_e4m3_tt_128, CodeKind::kE4M3, CodeKind::kE4M3, false, true, 128);
INSTANTIATE(fp8_e4m3_e4m3_tn_128, CodeKind::kE4M3, CodeKind::kE4M3, false, false, 128);
INSTANTIATE(fp8_e4m3_e4m3_nt_64, CodeKind::kE4M3, CodeKind::kE4M3, true, true, 64);
INSTANTIATE(fp8_e4m3_e4m3_nt_32, CodeKind::kE4M3, CodeKind::kE4M3, true, true, 32);
INSTANTIATE(fp8_e4m3_e2m1_nt_32, CodeKind::kE4M3, CodeKind::kE2M1, true, true, 32);
INSTANTIATE(fp8_e4m3_e2m1_nn_32, CodeKind::kE4M3, CodeKind::kE2M1, true, false, 32);
INSTANTIATE(fp8_e4m3_e2m1_tt_32, CodeKind::kE4M3, CodeKind::kE2M1, false, true, 32);
INSTANTIATE(fp8_e4m3_e2m1_tn_32, CodeKind::kE4M3, CodeKind::kE2M1, false, false, 32);
INSTANTIATE(fp8_e2m1_e4m3_tn_64, CodeKind::kE2M1, CodeKind::kE4M3, false, false, 64);
INSTANTIATE(fp8_e2m1_e2m1_nt_32, CodeKind::kE2M1, CodeKind::kE2M1, true, true, 32);
INSTANTIATE(fp8_e2m1_e2m1_nn_32, CodeKind::kE2M1, CodeKind::kE2M1, true, false, 32);
INSTANTIATE(fp8_e2m1_e2m1_tt_32, CodeKind::kE2M1, CodeKind::kE2M1, false, true, 32);
INSTANTIATE(fp8_e2m1_e2m1_tn_32, CodeKind::kE2M1, CodeKind::kE2M1, false, false, 32);
INSTANTIATE(fp8_e4m3_e5m2_nt_128, CodeKind::kE4M3, CodeKind::kE5M2, true, true, 128);
INSTANTIATE(fp8_e4m3_e5m2_nn_128, CodeKind::kE4M3, CodeKind::kE5M2, true, false, 128);
INSTANTIATE(fp8_e4m3_e5m2_tn_128, CodeKind::kE4M3, CodeKind::kE5M2, false, false, 128);
INSTANTIATE(fp8_e5m2_e4m3_nt_128, CodeKind::kE5M2, CodeKind::kE4M3, true, true, 128);
INSTANTIATE(fp8_e5m2_e4m3_tn_128, CodeKind::kE5M2, CodeKind::kE4M3, false, false, 128);
INSTANTIATE(fp8_e5m2_e5m2_nt_128, CodeKind::kE5M2, CodeKind::kE5M2, true, true, 128);
INSTANTIATE(fp8_e5m2_e5m2_tt_128, CodeKind::kE5M2, CodeKind::kE5M2, false, true, 128);
INSTANTIATE(fp8_e5m2_e5m2_tn_128, CodeKind::kE5M2, CodeKind::kE5M2, false, false, 128);
