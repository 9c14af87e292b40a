// SPDX-License-Identifier: MIT
// Kernels of fp8_test.cpp: out = d + a b^T with a of 64 (or 16) x 32 and b of 8 x 32 eight-bit
// numbers; types: bit 0 and 1 say which operands are E5M2.
#include "common/ptx.cuh"

using namespace di;
using namespace di::ptx;

namespace {
struct Storage {
    alignas(1024) unsigned char a[2048];
    alignas(1024) unsigned char b[256];
};

// K-major without swizzle: cores of 8 rows x 16 bytes.
DI_DEVICE uint32_t place(uint32_t i) {
    uint32_t row = i / 32, byte = i % 32;
    return row / 8 * 256 + byte / 16 * 128 + row % 8 * 16 + byte % 16;
}
} // namespace

extern "C" {
__global__ void fp8_wgmma(const unsigned char* a, const unsigned char* b, const float* in,
                          float* out, int types) {
    Storage& s = dynamic_shared<Storage>();
    for (uint32_t i = threadIdx.x; i < 2048; i += 128)
        s.a[place(i)] = a[i];
    for (uint32_t i = threadIdx.x; i < 256; i += 128)
        s.b[place(i)] = b[i];
    fence_proxy_async_shared();
    __syncthreads();
    uint32_t row = threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4, column = threadIdx.x % 4 * 2;
    float d[4];
    for (uint32_t i = 0; i < 4; ++i)
        d[i] = in[(row + i / 2 * 8) * 8 + column + i % 2];
    uint64_t desc_a = matrix_descriptor(shared_address(s.a), 128, 256, MatrixSwizzle::kNone);
    uint64_t desc_b = matrix_descriptor(shared_address(s.b), 128, 256, MatrixSwizzle::kNone);
    wgmma_fence();
    if (types == 0)
        wgmma_m64n8k32_e4m3(d, desc_a, desc_b, true);
    else
        wgmma_m64n8k32_e5m2(d, desc_a, desc_b, true);
    wgmma_commit();
    wgmma_wait<0>();
    for (uint32_t i = 0; i < 4; ++i)
        out[(row + i / 2 * 8) * 8 + column + i % 2] = d[i];
}

__global__ void fp8_mma(const unsigned char* a, const unsigned char* b, const float* in, float* out,
                        int types) {
    uint32_t row = threadIdx.x / 4, column = threadIdx.x % 4 * 2, k = threadIdx.x % 4 * 4;
    uint32_t ra[4], rb[2];
    float d[4];
    for (uint32_t i = 0; i < 4; ++i) {
        uint32_t r = row + i % 2 * 8, first = k + i / 2 * 16;
        ra[i] = 0;
        for (uint32_t e = 0; e < 4; ++e)
            ra[i] |= static_cast<uint32_t>(a[r * 32 + first + e]) << 8 * e;
        d[i] = in[(row + i / 2 * 8) * 8 + column + i % 2];
    }
    for (uint32_t i = 0; i < 2; ++i) {
        rb[i] = 0;
        for (uint32_t e = 0; e < 4; ++e)
            rb[i] |= static_cast<uint32_t>(b[row * 32 + k + i * 16 + e]) << 8 * e;
    }
    if (types == 0)
        mma_m16n8k32_e4m3(d, ra, rb);
    if (types == 1)
        mma_m16n8k32_e5m2_e4m3(d, ra, rb);
    if (types == 2)
        mma_m16n8k32_e4m3_e5m2(d, ra, rb);
    if (types == 3)
        mma_m16n8k32_e5m2(d, ra, rb);
    for (uint32_t i = 0; i < 4; ++i)
        out[(row + i / 2 * 8) * 8 + column + i % 2] = d[i];
}
}
DI_SIM_KERNEL(fp8_wgmma, 0, fp8_wgmma);
DI_SIM_KERNEL(fp8_mma, 0, fp8_mma);
