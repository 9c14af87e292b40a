// SPDX-License-Identifier: MIT
// A kernel of matrix_test.cpp: one wgmma of any shape that the instruction has.
#include "common/ptx.cuh"

using namespace di;
using namespace di::ptx;

namespace {
struct Storage {
    alignas(1024) unsigned char data[40960];
};
constexpr int kTypes[] = {DI_SIM_BF16, DI_SIM_F16, DI_SIM_TF32, DI_SIM_E4M3, DI_SIM_E5M2};
constexpr int kDepths[] = {16, 16, 8, 32, 32};
} // namespace

struct WgmmaArguments {
    uint64_t desc_a, desc_b;
    int n, type, transposes, from_registers, scale_d, sign_a, sign_b;
};

extern "C" {
// A at offset 0 or in registers, B at 8,192; the sums begin with 1 (or are overwritten).
__global__ void wgmma_any(const unsigned char* operands, float* out, const uint32_t* registers,
                          WgmmaArguments w) {
    Storage& s = dynamic_shared<Storage>();
    for (uint32_t i = threadIdx.x; i < sizeof s.data; i += 128)
        s.data[i] = operands[i];
    fence_proxy_async_shared();
    __syncthreads();
    uint32_t a[4];
    for (uint32_t i = 0; i < 4; ++i)
        a[i] = registers[threadIdx.x * 4 + i];
    float d[128];
    for (int i = 0; i < w.n / 2; ++i)
        d[i] = 1;
    uint64_t base = shared_address(s.data);
    wgmma_fence();
    di_sim_wgmma(w.n, kDepths[w.type], kTypes[w.type], kTypes[w.type], DI_SIM_F32, d,
                 w.from_registers != 0 ? a : nullptr, w.desc_a | base >> 4,
                 w.desc_b | (base + 8192) >> 4, w.scale_d, w.sign_a, w.sign_b, w.transposes & 1,
                 w.transposes >> 1);
    wgmma_commit();
    wgmma_wait<0>();
    for (int i = 0; i < w.n / 2; ++i)
        out[threadIdx.x * 128 + static_cast<uint32_t>(i)] = d[i];
}
}
DI_SIM_KERNEL(wgmma_any, 0, wgmma_any);
