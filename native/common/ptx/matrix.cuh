// SPDX-License-Identifier: MIT
// Matrix fragments in registers: ldmatrix, stmatrix, mma.sync.
#pragma once

#include "common/device.cuh"

namespace di::ptx {

// ldmatrix.sync.aligned.m8n8.x4 (PTX 6.5, sm_75). Lanes 8 i to 8 i + 7 give the rows of matrix i.
DI_DEVICE void ldmatrix_x4(uint32_t (&r)[4], uint32_t address) {
#ifdef DEEPINFRA_SIM
    di_sim_ldmatrix(r, address, 4, 0);
#else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
#endif
}

DI_DEVICE void ldmatrix_x4_trans(uint32_t (&r)[4], uint32_t address) {
#ifdef DEEPINFRA_SIM
    di_sim_ldmatrix(r, address, 4, 1);
#else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
#endif
}

DI_DEVICE void ldmatrix_x2(uint32_t (&r)[2], uint32_t address) {
#ifdef DEEPINFRA_SIM
    di_sim_ldmatrix(r, address, 2, 0);
#else
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(address)
                 : "memory");
#endif
}

DI_DEVICE void ldmatrix_x2_trans(uint32_t (&r)[2], uint32_t address) {
#ifdef DEEPINFRA_SIM
    di_sim_ldmatrix(r, address, 2, 1);
#else
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(address)
                 : "memory");
#endif
}

// stmatrix.sync.aligned.m8n8.x4 (PTX 7.8, sm_90)
DI_DEVICE void stmatrix_x4(uint32_t address, const uint32_t (&r)[4]) {
#ifdef DEEPINFRA_SIM
    di_sim_stmatrix(r, address, 4, 0);
#else
    asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(address),
                 "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3])
                 : "memory");
#endif
}

DI_DEVICE void stmatrix_x4_trans(uint32_t address, const uint32_t (&r)[4]) {
#ifdef DEEPINFRA_SIM
    di_sim_stmatrix(r, address, 4, 1);
#else
    asm volatile(
        "stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(address),
        "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3])
        : "memory");
#endif
}

// mma.sync.aligned.m16n8k16.row.col.f32 (PTX 7.0, sm_80), d += a b.
#ifdef DEEPINFRA_SIM
#define DI_PTX_MMA(name, k, type_a, type_b, instruction)                                           \
    DI_DEVICE void name(float(&d)[4], const uint32_t(&a)[4], const uint32_t(&b)[2]) {              \
        di_sim_mma(16, 8, k, type_a, type_b, DI_SIM_F32, d, a, b, d);                              \
    }
#else
#define DI_PTX_MMA(name, k, type_a, type_b, instruction)                                           \
    DI_DEVICE void name(float(&d)[4], const uint32_t(&a)[4], const uint32_t(&b)[2]) {              \
        asm volatile(instruction                                                                   \
                     " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"            \
                     : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                              \
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));          \
    }
#endif
DI_PTX_MMA(mma_m16n8k16_bf16, 16, DI_SIM_BF16, DI_SIM_BF16,
           "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32")
DI_PTX_MMA(mma_m16n8k16_f16, 16, DI_SIM_F16, DI_SIM_F16,
           "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32")
DI_PTX_MMA(mma_m16n8k8_tf32, 8, DI_SIM_TF32, DI_SIM_TF32,
           "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32")
// Eight-bit floats need sm_89 (PTX 8.4).
#if defined(DEEPINFRA_SIM) || __CUDA_ARCH__ >= 890
DI_PTX_MMA(mma_m16n8k32_e4m3, 32, DI_SIM_E4M3, DI_SIM_E4M3,
           "mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32")
DI_PTX_MMA(mma_m16n8k32_e5m2, 32, DI_SIM_E5M2, DI_SIM_E5M2,
           "mma.sync.aligned.m16n8k32.row.col.f32.e5m2.e5m2.f32")
DI_PTX_MMA(mma_m16n8k32_e4m3_e5m2, 32, DI_SIM_E4M3, DI_SIM_E5M2,
           "mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e5m2.f32")
DI_PTX_MMA(mma_m16n8k32_e5m2_e4m3, 32, DI_SIM_E5M2, DI_SIM_E4M3,
           "mma.sync.aligned.m16n8k32.row.col.f32.e5m2.e4m3.f32")
#endif
#undef DI_PTX_MMA

} // namespace di::ptx
