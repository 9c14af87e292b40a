// SPDX-License-Identifier: MIT
// Instantiations of the Hopper BF16 multiplication: compiled by nvcc for its figures and for the
// simulator's tests. Products instantiate it at run time.
#include "gemm/jit/impls/sm90_bf16_gemm.cuh"

using namespace di::gemm;

#ifdef DEEPINFRA_SIM
#define INSTANTIATE(name, block_n, k_major_a, k_major_b)                                           \
    DI_SIM_KERNEL(name, 160, sm90_bf16_gemm<Bf16GemmConfig<block_n, k_major_a, k_major_b>>)
#else
#define INSTANTIATE(name, block_n, k_major_a, k_major_b)                                           \
    template __global__ void                                                                       \
    di::gemm::sm90_bf16_gemm<Bf16GemmConfig<block_n, k_major_a, k_major_b>>(                       \
        const __grid_constant__ di::ptx::TensorMap, const __grid_constant__ di::ptx::TensorMap,    \
        const __grid_constant__ Bf16GemmParams)
#endif

INSTANTIATE(bf16_n64_nt, 64, true, true);
INSTANTIATE(bf16_n64_nn, 64, true, false);
INSTANTIATE(bf16_n64_tn, 64, false, false);
INSTANTIATE(bf16_n64_tt, 64, false, true);
INSTANTIATE(bf16_n128_nt, 128, true, true);
INSTANTIATE(bf16_n128_nn, 128, true, false);
INSTANTIATE(bf16_n128_tn, 128, false, false);
INSTANTIATE(bf16_n128_tt, 128, false, true);
