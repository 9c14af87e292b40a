// SPDX-License-Identifier: MIT
// Every way to wait for ever. Most of these calls are the last of their function: the report has to
// name their line all the same.
#include "common/ptx.cuh"

using namespace di;
using namespace di::ptx;

namespace {

struct SharedStorage {
    uint64_t full;
    volatile unsigned flag;
};

} // namespace

extern "C" {

__global__ void deadlock() {
    if (threadIdx.x < 32) {
        bar_sync(1, 64);
    } else {
        bar_sync(2, 64);
    }
}

__global__ void deadlock_mbarrier() {
    SharedStorage& s = dynamic_shared<SharedStorage>();
    if (threadIdx.x == 0)
        mbarrier_init(shared_address(&s.full), 2);
    __syncthreads();
    if (threadIdx.x == 0)
        mbarrier_arrive(shared_address(&s.full));
    mbarrier_wait_parity(shared_address(&s.full), 0);
}

__global__ void deadlock_cluster() {
    if (cluster_ctarank() == 0) {
        cluster_arrive();
        cluster_wait();
    } else {
        bar_sync(3 + threadIdx.x / 32, 64);
    }
}

__global__ void deadlock_shared_flag() {
    SharedStorage& s = dynamic_shared<SharedStorage>();
    s.flag = 0;
    while (s.flag == 0) {
    }
}

__global__ void deadlock_global_flag(const unsigned* flag) {
    while (ld_acquire_gpu(flag) == 0) {
    }
}

// Loops that read by an atomic, and that sleep in between.
__global__ void deadlock_atomic_flag(unsigned* flag) {
    while (atomicAdd(flag, 0u) == 0) {
    }
}

__global__ void deadlock_sleeping(const unsigned* flag) {
    while (ld_acquire_gpu(flag) == 0)
        __nanosleep(100);
}

__global__ void deadlock_warp() {
    SharedStorage& s = dynamic_shared<SharedStorage>();
    if (threadIdx.x == 0)
        mbarrier_init(shared_address(&s.full), 1);
    __syncthreads();
    if (threadIdx.x % 32 == 5) {
        mbarrier_wait_parity(shared_address(&s.full), 0);
    } else {
        __syncwarp(~(1u << 5));
        if (threadIdx.x % 32 < 5)
            __syncwarp(0x3f);
    }
}

__global__ void deadlock_warpgroup() {
    SharedStorage& s = dynamic_shared<SharedStorage>();
    if (threadIdx.x == 0)
        mbarrier_init(shared_address(&s.full), 1);
    __syncthreads();
    if (threadIdx.x >= 96) {
        mbarrier_wait_parity(shared_address(&s.full), 0);
        return;
    }
    float d[4] = {};
    uint32_t a[4] = {};
    wgmma_fence();
    di_sim_wgmma(8, 16, DI_SIM_BF16, DI_SIM_BF16, DI_SIM_F32, d, a, 0,
                 matrix_descriptor(shared_address(&s), 128, 128, MatrixSwizzle::kNone), 1, 1, 1, 0,
                 0);
    wgmma_commit();
    wgmma_wait<0>();
}
}

DI_SIM_KERNEL(deadlock, 0, deadlock);
DI_SIM_KERNEL(deadlock_mbarrier, 0, deadlock_mbarrier);
DI_SIM_KERNEL(deadlock_cluster, 0, deadlock_cluster);
DI_SIM_KERNEL(deadlock_shared_flag, 0, deadlock_shared_flag);
DI_SIM_KERNEL(deadlock_global_flag, 0, deadlock_global_flag);
DI_SIM_KERNEL(deadlock_atomic_flag, 0, deadlock_atomic_flag);
DI_SIM_KERNEL(deadlock_sleeping, 0, deadlock_sleeping);
DI_SIM_KERNEL(deadlock_warp, 0, deadlock_warp);
DI_SIM_KERNEL(deadlock_warpgroup, 0, deadlock_warpgroup);
