// SPDX-License-Identifier: MIT
// Every function of common/ptx for wgmma once, a kernel for each size and type.
#include "common/ptx.cuh"

using namespace di;
using namespace di::ptx;

namespace {
// Registers that the compiler knows to belong to the operations between fence and wait.
template <int kCount> DI_DEVICE void begin(float (&d)[kCount], uint32_t (&a)[4], const float* in) {
    for (int i = 0; i < kCount; ++i)
        d[i] = in[i];
    for (uint32_t i = 0; i < 4; ++i)
        a[i] = threadIdx.x + i;
    for (int i = 0; i < kCount; ++i)
        wgmma_fence_operand(d[i]);
    wgmma_fence();
}
template <int kCount> DI_DEVICE void end(float (&d)[kCount], float* out) {
    wgmma_commit();
    wgmma_wait<0>();
    for (int i = 0; i < kCount; ++i)
        out[i * 128 + threadIdx.x] = d[i];
}
DI_DEVICE uint64_t descriptor(uint32_t address) {
    return matrix_descriptor(address, 128, 256, MatrixSwizzle::k128);
}
} // namespace

extern "C" {
#define PRODUCT(N, count, name, call)                                                              \
    __global__ void name(float* out, const float* in, uint32_t address) {                          \
        float d[count];                                                                            \
        uint32_t a[4];                                                                             \
        begin(d, a, in);                                                                           \
        uint64_t desc = descriptor(address);                                                       \
        call;                                                                                      \
        end(d, out);                                                                               \
    }
#define PRODUCTS16(N, count, type)                                                                 \
    PRODUCT(N, count, type##_ss_##N, (wgmma_m64n##N##k16_##type<0, 0>(d, desc, desc, true)))       \
    PRODUCT(N, count, type##_tt_##N, (wgmma_m64n##N##k16_##type<1, 1>(d, desc, desc, a[0] != 0)))  \
    PRODUCT(N, count, type##_rs_##N, (wgmma_m64n##N##k16_##type##_rs<1>(d, a, desc, true)))
#define PRODUCTS8(N, count, depth, type)                                                           \
    PRODUCT(N, count, type##_ss_##N, (wgmma_m64n##N##k##depth##_##type(d, desc, desc, a[0] != 0))) \
    PRODUCT(N, count, type##_rs_##N, (wgmma_m64n##N##k##depth##_##type##_rs(d, a, desc, true)))
#define PRODUCTS(N, count)                                                                         \
    PRODUCTS16(N, count, bf16)                                                                     \
    PRODUCTS16(N, count, f16)                                                                      \
    PRODUCTS8(N, count, 8, tf32)                                                                   \
    PRODUCTS8(N, count, 32, e4m3)                                                                  \
    PRODUCTS8(N, count, 32, e5m2)
PRODUCTS(8, 4)
PRODUCTS(16, 8)
PRODUCTS(32, 16)
PRODUCTS(64, 32)
PRODUCTS(96, 48)
PRODUCTS(128, 64)
PRODUCTS(192, 96)
PRODUCTS(256, 128)
}
