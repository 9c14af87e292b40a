// SPDX-License-Identifier: MIT
// What: d[m, n] = sum over k of a[m, k] b[n, k], bf16 in, bf16 out, fp32 sums; a test kernel that
// has every part of a Hopper pipeline, and a switch that breaks one of them. Tiling: 64 x 64 per
// block, k in steps of 64. Warp roles: warps 0-3 multiply and store, warp 4 loads. Pipeline: three
// stages, full (copy done) and empty (read done) barriers.
#include "common/ptx.cuh"
#include "gemm_bugs.h"

using namespace di;
using namespace di::ptx;
using namespace cudasim::test;

namespace {

constexpr uint32_t kTile = 64, kStages = 3, kConsumers = 128;
constexpr uint32_t kTileBytes = kTile * kTile * 2;

struct SharedStorage {
    alignas(1024) unsigned char a[kStages][kTileBytes];
    alignas(1024) unsigned char b[kStages][kTileBytes];
    alignas(1024) uint16_t out[kTile * kTile];
    alignas(8) uint64_t full[kStages];
    uint64_t empty[kStages];
};

DI_DEVICE uint16_t to_bf16(float f) {
    uint32_t u = __float_as_uint(f);
    return static_cast<uint16_t>((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

struct Position {
    uint32_t stage = 0, phase = 0;
    DI_DEVICE void advance(int bug) {
        if (++stage == kStages) {
            stage = 0;
            if (bug != kPhaseNeverFlips)
                phase ^= 1;
        }
        if (bug == kPhaseFlipsEveryStage)
            phase ^= 1;
    }
};

DI_DEVICE void produce(SharedStorage& s, const TensorMap* map_a, const TensorMap* map_b,
                       uint32_t steps, int bug) {
    Position at;
    if (bug == kWrongInitialParity)
        at.phase = 1;
    for (uint32_t k = 0; k < steps; ++k) {
        uint32_t full = shared_address(&s.full[at.stage]);
        if (bug != kProducerSkipsEmptyWait)
            mbarrier_wait_parity(shared_address(&s.empty[at.stage]), at.phase ^ 1);
        uint32_t bytes = 2 * kTileBytes;
        if (bug == kExpectHalved)
            bytes /= 2;
        if (bug == kExpectDoubled)
            bytes *= 2;
        mbarrier_arrive_expect_tx(full, bytes);
        auto column = static_cast<int32_t>(k * kTile);
        cp_async_bulk_tensor_2d(shared_address(s.a[at.stage]), map_a, full, column,
                                static_cast<int32_t>(blockIdx.y * kTile));
        cp_async_bulk_tensor_2d(shared_address(s.b[at.stage]), map_b, full, column,
                                static_cast<int32_t>(blockIdx.x * kTile));
        at.advance(bug);
    }
}

DI_DEVICE void multiply(SharedStorage& s, float (&d)[32], uint32_t steps, int bug) {
    Position at;
    uint32_t stride = bug == kWrongStride ? 512 : 1024;
    for (uint32_t k = 0; k < steps; ++k) {
        if (bug != kConsumerSkipsFullWait)
            mbarrier_wait_parity(shared_address(&s.full[at.stage]), at.phase);
        if (bug != kMissingWgmmaFence)
            wgmma_fence();
        for (uint32_t i = 0; i < kTile / 16; ++i) {
            uint64_t a = matrix_descriptor(shared_address(s.a[at.stage]) + i * 32, 0, stride,
                                           MatrixSwizzle::k128);
            uint64_t b = matrix_descriptor(shared_address(s.b[at.stage]) + i * 32, 0, stride,
                                           MatrixSwizzle::k128);
            wgmma_m64n64k16_bf16(d, a, b, k + i != 0);
        }
        wgmma_commit();
        if (bug == kReleasedTooEarly)
            mbarrier_arrive(shared_address(&s.empty[at.stage]));
        if (bug != kMissingWgmmaWait && bug != kWaitAfterRead)
            wgmma_wait<0>();
        if (bug != kReleasedTooEarly)
            mbarrier_arrive(shared_address(&s.empty[at.stage]));
        if (bug == kOverArrival && threadIdx.x == 3)
            mbarrier_arrive(shared_address(&s.empty[at.stage]));
        at.advance(bug);
    }
}

DI_DEVICE void store(SharedStorage& s, float (&d)[32], const TensorMap* map_d, int bug) {
    uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    if (bug == kFenceBeforeWrites)
        fence_proxy_async_shared();
    for (uint32_t i = 0; i < 32; ++i) {
        uint32_t half = bug == kSwappedRows ? 1 - i / 2 % 2 : i / 2 % 2;
        uint32_t row = warp * 16 + lane / 4 + 8 * half, column = i / 4 * 8 + lane % 4 * 2 + i % 2;
        s.out[row * kTile + column] = to_bf16(d[i]);
    }
    if (bug == kWaitAfterRead)
        wgmma_wait<0>();
    if (bug != kMissingProxyFence && bug != kFenceBeforeWrites)
        fence_proxy_async_shared();
    if (bug != kMissingEpilogueBarrier)
        bar_sync(1, kConsumers);
    if (threadIdx.x == 0) {
        cp_async_bulk_tensor_store_2d(map_d, shared_address(s.out),
                                      static_cast<int32_t>(blockIdx.x * kTile),
                                      static_cast<int32_t>(blockIdx.y * kTile));
        cp_async_bulk_commit();
        if (bug != kMissingStoreWait)
            cp_async_bulk_wait_read<0>();
    }
}

} // namespace

extern "C" __global__ void __launch_bounds__(160)
    gemm(const __grid_constant__ TensorMap map_a, const __grid_constant__ TensorMap map_b,
         const __grid_constant__ TensorMap map_d, uint32_t steps, int bug) {
    SharedStorage& s = dynamic_shared<SharedStorage>();
    if (threadIdx.x == 0) {
        for (uint32_t i = 0; i < kStages; ++i) {
            mbarrier_init(shared_address(&s.full[i]), 1);
            mbarrier_init(shared_address(&s.empty[i]), kConsumers);
        }
        if (bug != kMissingInitFence)
            fence_mbarrier_init();
    }
    if (bug != kMissingInitSync)
        __syncthreads();
    if (threadIdx.x >= kConsumers) {
        if (elect_one())
            produce(s, &map_a, &map_b, steps, bug);
    } else {
        float d[32];
        multiply(s, d, steps, bug);
        store(s, d, &map_d, bug);
    }
}
DI_SIM_KERNEL(gemm, 160, gemm);
