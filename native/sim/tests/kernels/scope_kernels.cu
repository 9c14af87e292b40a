// SPDX-License-Identifier: MIT
// Kernels of scope_test.cpp: who may acquire what whom has released.
#include "common/ptx.cuh"

using namespace di;
using namespace di::ptx;

namespace {
struct Barriers {
    alignas(8) uint64_t bars[2];
};
} // namespace

extern "C" {
// A thread writes, arrives at block 0's mbarrier and thread 0 of block 0 reads after its wait. The
// thread is in the other block of the cluster, or (remote 0) in another warp. Orders of -1: relaxed
// with a fence of the scope's size before the arrival or after the wait.
__global__ void barrier_scopes(uint32_t* data, int remote, int arrive_order, int arrive_scope,
                               int wait_order, int wait_scope) {
    Barriers& s = dynamic_shared<Barriers>();
    uint32_t bar = shared_address(&s.bars[0]);
    if (threadIdx.x == 0) {
        mbarrier_init(bar, 1);
        fence_mbarrier_init();
    }
    cluster_sync();
    bool sends = remote != 0 ? cluster_ctarank() == 1 && threadIdx.x == 0
                             : cluster_ctarank() == 0 && threadIdx.x == 32;
    if (sends) {
        data[0] = 7;
        if (arrive_order < 0)
            di_sim_fence(DI_SIM_ACQ_REL, arrive_scope);
        di_sim_mbarrier_arrive(mapa(bar, 0), 1, DI_SIM_SHARED_CLUSTER, arrive_scope,
                               arrive_order < 0 ? DI_SIM_RELAXED : arrive_order);
    }
    if (cluster_ctarank() == 0 && threadIdx.x == 0) {
        while (di_sim_mbarrier_test_parity(bar, 0, wait_scope,
                                           wait_order < 0 ? DI_SIM_RELAXED : wait_order, 1) == 0) {
        }
        if (wait_order < 0)
            di_sim_fence(DI_SIM_ACQ_REL, wait_scope);
        data[1] = data[0];
    }
    cluster_sync();
    if (cluster_ctarank() == 1 && threadIdx.x == 0)
        mbarrier_arrive(bar);
}
}

DI_SIM_KERNEL(barrier_scopes, 0, barrier_scopes);
