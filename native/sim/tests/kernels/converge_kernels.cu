// SPDX-License-Identifier: MIT
// Kernels of converge_test.cpp.
#include "common/ptx.cuh"
#include "converge_cases.h"

using namespace di;
using namespace di::ptx;
using namespace cudasim::test;

namespace {
struct Storage {
    alignas(1024) unsigned char data[2048];
    alignas(8) uint64_t bar;
};

DI_DEVICE void perform(Storage& s, int which) {
    uint32_t row = shared_address(s.data) + threadIdx.x * 16, r[4] = {}, two[2] = {};
    float d[4] = {};
    switch (which) {
    case kConvergeFence:
        wgmma_fence();
        break;
    case kConvergeCommit:
        wgmma_commit();
        break;
    case kConvergeWait:
        wgmma_wait<0>();
        break;
    case kConvergeClusterArrive:
        cluster_arrive();
        break;
    case kConvergeBarArrive:
        bar_arrive(1, blockDim.x);
        break;
    case kConvergeSync:
        bar_sync(1, blockDim.x);
        break;
    case kConvergeRegisters:
        setmaxnreg_dec<40>();
        break;
    case kConvergeElect:
        elect_one();
        break;
    case kConvergeShuffle:
        __shfl_xor_sync(0xffffffffu, threadIdx.x, 1);
        break;
    case kConvergeVote:
        __ballot_sync(0xffffffffu, 1);
        break;
    case kConvergeMatch:
        __match_any_sync(0xffffffffu, threadIdx.x);
        break;
    case kConvergeReduce:
        __reduce_add_sync(0xffffffffu, threadIdx.x);
        break;
    case kConvergeLdMatrix:
        ldmatrix_x4(r, row);
        break;
    case kConvergeStMatrix:
        stmatrix_x4(row, r);
        break;
    case kConvergeMma:
        mma_m16n8k16_bf16(d, r, two);
        break;
    default:
        cluster_wait();
    }
}

DI_DEVICE void start(Storage& s, int which) {
    for (uint32_t i = threadIdx.x; i < sizeof s.data; i += blockDim.x)
        s.data[i] = 0;
    if (threadIdx.x == 0) {
        mbarrier_init(shared_address(&s.bar), 1);
        fence_mbarrier_init();
    }
    __syncthreads();
    if (which == kConvergeClusterWait)
        cluster_arrive();
}
} // namespace

extern "C" {
// Lane 5 of each warp goes first; the others come when it has gone past the instruction, which it
// only does with them.
__global__ void run_ahead(int which) {
    Storage& s = dynamic_shared<Storage>();
    start(s, which);
    bool first = threadIdx.x % 32 == 5;
    if (!first)
        mbarrier_wait_parity(shared_address(&s.bar), 0);
    perform(s, which);
    if (threadIdx.x == 5)
        mbarrier_arrive(shared_address(&s.bar));
}

// How lanes may come together: in any order, some after collectives of their own (how 0), never,
// as one has exited (1), or waits elsewhere (2).
__global__ void come_together(int which, int how) {
    Storage& s = dynamic_shared<Storage>();
    start(s, which);
    uint32_t lane = threadIdx.x % 32;
    if (how == 0 && lane < 16) {
        __shfl_xor_sync(0xffffu, lane, 3);
        if (lane < 4)
            __syncwarp(0xf);
        if (threadIdx.x == 2)
            mbarrier_arrive(shared_address(&s.bar));
        __nanosleep(10);
    }
    if (how == 1 && threadIdx.x == 37)
        return;
    if (how == 2 && threadIdx.x == 37)
        __any_sync(0xffffffffu, 0);
    perform(s, which);
    if (how == 0 && which == kConvergeClusterArrive)
        cluster_wait();
}
}
DI_SIM_KERNEL(run_ahead, 0, run_ahead);
DI_SIM_KERNEL(come_together, 0, come_together);
