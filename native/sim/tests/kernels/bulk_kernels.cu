// SPDX-License-Identifier: MIT
// Kernels of bulk_test.cpp.
#include "common/ptx.cuh"

using namespace di;
using namespace di::ptx;

namespace {
struct Storage {
    alignas(1024) unsigned char data[4096];
    alignas(8) uint64_t bars[2];
};

DI_DEVICE void start(Storage& s, uint32_t arrivals) {
    if (threadIdx.x == 0) {
        mbarrier_init(shared_address(&s.bars[0]), arrivals);
        mbarrier_init(shared_address(&s.bars[1]), arrivals);
        fence_mbarrier_init();
    }
}

enum Reduction {
#define TO_GLOBAL(name, operation, type) kGlobal_##name,
#define TO_CLUSTER(name, operation, type) kCluster_##name,
#include "bulk_reductions.inc"
#undef TO_GLOBAL
#undef TO_CLUSTER
};
} // namespace

extern "C" {
// Combines `bytes` of in with out, by the number of the line in bulk_reductions.inc: in global
// memory, or by way of block 1's shared memory.
__global__ void bulk_reduce(const unsigned char* in, unsigned char* out, uint32_t bytes,
                            int which) {
    Storage& s = dynamic_shared<Storage>();
    start(s, 1);
    uint32_t rank = cluster_ctarank(), bar = shared_address(&s.bars[0]);
    for (uint32_t i = threadIdx.x; i < bytes; i += 32) {
        s.data[i] = in[i];
        s.data[2048 + i] = out[i];
    }
    fence_proxy_async();
    cluster_sync();
    if (rank == 1 && threadIdx.x == 0)
        mbarrier_arrive_expect_tx(bar, 2 * bytes);
    cluster_sync();
    bool to_cluster = which >= kCluster_add_u32;
    uint32_t from = shared_address(s.data), to = mapa(from + 2048, 1), far = mapa(bar, 1);
    // Both blocks send to block 1, or one of them to global memory.
    if (threadIdx.x == 0 && (to_cluster || rank == 0)) {
        switch (which) {
#define TO_GLOBAL(name, operation, type)                                                           \
    case kGlobal_##name:                                                                           \
        cp_reduce_async_bulk_##name(out, from, bytes);                                             \
        break;
#define TO_CLUSTER(name, operation, type)                                                          \
    case kCluster_##name:                                                                          \
        cp_reduce_async_bulk_to_cluster_##name(to, from, bytes, far);                              \
        break;
#include "bulk_reductions.inc"
#undef TO_GLOBAL
#undef TO_CLUSTER
        }
        cp_async_bulk_commit();
        cp_async_bulk_wait<0>();
    }
    if (rank == 1 && !to_cluster && threadIdx.x == 0)
        mbarrier_complete_tx(bar, 2 * bytes);
    if (rank == 1) {
        mbarrier_wait_parity(bar, 0);
        for (uint32_t i = threadIdx.x; to_cluster && i < bytes; i += 32)
            out[i] = s.data[2048 + i];
    }
    cluster_sync();
}

// Block 0 loads the same bytes for both blocks of a cluster.
__global__ void bulk_multicast(const unsigned char* in, unsigned char* out, uint32_t bytes) {
    Storage& s = dynamic_shared<Storage>();
    start(s, 1);
    uint32_t bar = shared_address(&s.bars[0]);
    if (threadIdx.x == 0)
        mbarrier_arrive_expect_tx(bar, bytes);
    cluster_sync();
    if (cluster_ctarank() == 0 && threadIdx.x == 0) {
        cp_async_bulk_prefetch(in, bytes);
        cp_async_bulk_load_multicast(shared_address(s.data), in, bytes, bar, 3);
    }
    mbarrier_wait_parity(bar, 0);
    for (uint32_t i = threadIdx.x; i < bytes; i += 32)
        out[blockIdx.x * bytes + i] = s.data[i];
    cluster_sync();
}

__global__ void bulk_prefetch(const unsigned char* in, uint32_t offset, uint32_t bytes) {
    if (threadIdx.x == 0)
        cp_async_bulk_prefetch(in + offset, bytes);
}

// Threads wait with the state that their own arrival gave (how 0 by try_wait, 1 by test_wait), read
// before the wait (2), or wait for a state that is no phase's (3).
__global__ void barrier_states(uint32_t* out, int how) {
    Storage& s = dynamic_shared<Storage>();
    auto* words = reinterpret_cast<uint32_t*>(s.data);
    start(s, 32);
    __syncwarp();
    uint32_t bar = shared_address(&s.bars[0]), lane = threadIdx.x;
    for (uint32_t phase = 0; phase < 3; ++phase) {
        words[lane] = phase * 100 + lane;
        uint64_t state = mbarrier_arrive_state(bar);
        if (how == 3)
            state += 1000;
        if (how == 2 && phase == 1)
            out[0] = words[lane ^ 1];
        while (!(how == 1 ? mbarrier_test_wait(bar, state) : mbarrier_try_wait(bar, state))) {
        }
        out[phase * 32 + lane] = words[lane ^ 9];
        __syncwarp();
    }
}

// Bytes that no copy moves: block 1 counts them as moved on block 0's barrier. Then a phase that
// block 1's thread begins and ends itself.
__global__ void transactions(uint32_t* out) {
    Storage& s = dynamic_shared<Storage>();
    start(s, 1);
    cluster_sync();
    uint32_t bar = shared_address(&s.bars[0]), far = mapa(bar, 0);
    if (cluster_ctarank() == 1 && threadIdx.x == 0)
        mbarrier_complete_tx_cluster(far, 48);
    if (cluster_ctarank() == 0 && threadIdx.x == 0) {
        mbarrier_expect_tx(bar, 16);
        mbarrier_arrive_expect_tx(bar, 32);
        mbarrier_wait_parity(bar, 0);
    }
    cluster_sync();
    if (cluster_ctarank() == 1 && threadIdx.x == 0) {
        mbarrier_arrive_expect_tx_cluster(far, 8);
        out[1] = 7;
        mbarrier_complete_tx_cluster(far, 8);
    }
    if (cluster_ctarank() == 0 && threadIdx.x == 0) {
        mbarrier_wait_parity_cluster(bar, 1);
        out[0] = 5;
    }
    cluster_sync();
}

// All threads of both blocks combine their number with words of block 0.
__global__ void cluster_reductions(uint32_t* out) {
    Storage& s = dynamic_shared<Storage>();
    auto* words = reinterpret_cast<uint32_t*>(s.data);
    if (threadIdx.x < 8) // the fourth and fifth word begin with all bits
        words[threadIdx.x] = threadIdx.x == 3 || threadIdx.x == 4 ? 0xffffffffu : 0;
    cluster_sync();
    uint32_t base = mapa(shared_address(words), 0);
    uint32_t me = cluster_ctarank() * 32 + threadIdx.x;
    red_add_shared_cluster_u64(base, uint64_t{me} << 30);
    red_add_shared_cluster_u32(base + 8, me);
    red_min_shared_cluster_u32(base + 12, me + 3);
    red_and_shared_cluster_b32(base + 16, ~(1u << me % 8));
    red_max_shared_cluster_u32(base + 20, me);
    red_or_shared_cluster_b32(base + 24, 1u << me % 20);
    red_xor_shared_cluster_b32(base + 28, 1u << me % 30);
    cluster_sync();
    if (cluster_ctarank() == 0 && threadIdx.x < 8)
        out[threadIdx.x] = words[threadIdx.x];
}

__global__ void timer(unsigned long long* out) {
    uint64_t before = globaltimer();
    __nanosleep(100);
    out[threadIdx.x] = globaltimer() - before;
}
}
DI_SIM_KERNEL(bulk_reduce, 0, bulk_reduce);
DI_SIM_KERNEL(bulk_multicast, 0, bulk_multicast);
DI_SIM_KERNEL(bulk_prefetch, 0, bulk_prefetch);
DI_SIM_KERNEL(barrier_states, 0, barrier_states);
DI_SIM_KERNEL(transactions, 0, transactions);
DI_SIM_KERNEL(cluster_reductions, 0, cluster_reductions);
DI_SIM_KERNEL(timer, 0, timer);
