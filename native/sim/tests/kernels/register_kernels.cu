// SPDX-License-Identifier: MIT
// Kernels of register_test.cpp.
#include "common/ptx.cuh"
#include "register_cases.h"

using namespace di;
using namespace di::ptx;
using namespace cudasim::test;

namespace {
struct Storage {
    alignas(1024) unsigned char b[512];
};
} // namespace

extern "C" {
// d = a b with a of ones from registers and b of ones (64 x 16 x 16 of bf16): all 16, or 32 of two.
__global__ void registers(float* out, int how) {
    Storage& s = dynamic_shared<Storage>();
    auto* ones = reinterpret_cast<uint16_t*>(s.b);
    for (uint32_t i = threadIdx.x; i < 256; i += 128)
        ones[i] = 0x3f80;
    fence_proxy_async_shared();
    __syncthreads();
    uint64_t b = matrix_descriptor(shared_address(s.b), 128, 256, MatrixSwizzle::kNone);
    float d[8], e[8];
    uint32_t a[4];
    for (uint32_t i = 0; i < 8; ++i)
        d[i] = e[i] = 0;
    for (uint32_t i = 0; i < 4; ++i)
        a[i] = 0x3f803f80;
    if (how != kNoFence)
        wgmma_fence();
    if (how == kAccumulatorWrittenAfterFence && threadIdx.x == 77)
        d[5] = 0;
    if (how == kFragmentWrittenAfterFence && threadIdx.x == 77)
        a[2] = 0x3f803f80;
    wgmma_m64n16k16_bf16_rs(d, a, b, true);
    if (how == kAccumulatorReadBeforeWait && threadIdx.x == 77)
        out[1024] = d[5];
    wgmma_commit();
    if (how == kAccumulatorWrittenBeforeWait && threadIdx.x == 77)
        d[5] = 1;
    if (how == kFragmentWrittenBeforeWait && threadIdx.x == 77)
        a[2] = 0;
    if (how == kFragmentReadBeforeWait && threadIdx.x == 77)
        out[1024] = __uint_as_float(a[2]);
    if (how == kSecondReadAfterTheFirstsWait || how == kFirstReadAfterItsWait) {
        wgmma_m64n16k16_bf16_rs(e, a, b, true);
        wgmma_commit();
        wgmma_wait<1>();
        if (threadIdx.x == 77)
            out[1024] = how == kFirstReadAfterItsWait ? d[5] : e[5];
    }
    wgmma_wait<0>();
    if (how == kUsedAgainWithoutFence && threadIdx.x == 77)
        out[1024] = d[5];
    if (how == kUsedAgainWithoutFence || how == kNotTouchedBetween) {
        wgmma_m64n16k16_bf16_rs(d, a, b, true);
        wgmma_commit();
        wgmma_wait<0>();
    }
    for (uint32_t i = 0; i < 8; ++i)
        out[threadIdx.x * 8 + i] = d[i];
}
}
DI_SIM_KERNEL(registers, 0, registers);
