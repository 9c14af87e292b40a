// SPDX-License-Identifier: MIT
// Kernels of window_test.cpp.
#include "common/ptx.cuh"
#include "window_cases.h"

using namespace di;
using namespace di::ptx;
using namespace cudasim::test;

namespace {
struct Storage {
    alignas(1024) unsigned char data[4096];
    alignas(8) uint64_t bars[4];
};
} // namespace

extern "C" {
// Block 0 of a cluster of two performs one instruction with an address of the given rank, which the
// instruction may only take if it is 0.
__global__ void own_window(const __grid_constant__ TensorMap map, unsigned char* global, int which,
                           uint32_t rank) {
    Storage& s = dynamic_shared<Storage>();
    if (threadIdx.x == 0) {
        for (uint64_t& bar : s.bars)
            mbarrier_init(shared_address(&bar), 1);
        fence_mbarrier_init();
    }
    for (uint32_t i = threadIdx.x; i < sizeof s.data; i += 32)
        s.data[i] = 0;
    fence_proxy_async();
    cluster_sync();
    uint32_t data = mapa(shared_address(s.data), rank),
             bar = mapa(shared_address(&s.bars[0]), rank);
    bool one = cluster_ctarank() == 0 && threadIdx.x == 0;
    uint32_t r[4] = {};
    if (cluster_ctarank() == 0 && which == kLdMatrix)
        ldmatrix_x4(r, data + threadIdx.x * 16);
    if (cluster_ctarank() == 0 && which == kStMatrix)
        stmatrix_x4(data + threadIdx.x * 16, r);
    if (one && which == kMbarrierInit)
        mbarrier_init(mapa(shared_address(s.data + 8), rank), 1);
    if (one && which == kMbarrierInval) {
        mbarrier_inval(bar);
    }
    if (one && which == kMbarrierArrive)
        mbarrier_arrive(bar);
    if (one && which == kMbarrierArriveExpect)
        mbarrier_arrive_expect_tx(bar, 0);
    if (one && which == kMbarrierExpect)
        mbarrier_expect_tx(bar, 0);
    if (one && which == kMbarrierTest)
        mbarrier_test_wait_parity(bar, 1);
    if (one && which == kMbarrierTry)
        mbarrier_try_wait_parity(bar, 1);
    if (one && which == kCpAsync) {
        cp_async_16(data, global);
        cp_async_commit();
        cp_async_wait<0>();
    }
    if (one && which == kCpAsyncArrive) {
        cp_async_mbarrier_arrive_noinc(bar);
        mbarrier_wait_parity(bar, 0);
    }
    if (one && which == kBulkStore)
        cp_async_bulk_store(global, data, 64);
    if (one && which == kBulkReduce)
        cp_reduce_async_bulk_add_f32(global, data, 64);
    if (one && which == kTensorStore)
        cp_async_bulk_tensor_store_2d(&map, data, 0, 0);
    if (one && which == kTensorReduce)
        cp_reduce_async_bulk_tensor_add_2d(&map, data, 0, 0);
    cp_async_bulk_commit();
    cp_async_bulk_wait<0>();
    if (one && which == kBulkBetween) {
        uint32_t own = shared_address(&s.bars[1]);
        mbarrier_arrive_expect_tx(own, 64);
        cp_async_bulk_to_cluster(shared_address(s.data + 1024), data, 64, own);
        mbarrier_wait_parity(own, 0);
    }
    if (one && which == kToGeneric)
        *static_cast<volatile unsigned char*>(__cvta_shared_to_generic(data));
    cluster_sync();
}

// A copy from block 0 to a block of the cluster, with what may be wrong about it.
__global__ void send(uint32_t* out, int how) {
    Storage& s = dynamic_shared<Storage>();
    auto* words = reinterpret_cast<uint32_t*>(s.data);
    for (uint32_t i = threadIdx.x; i < 256; i += 32)
        words[i] = cluster_ctarank() * 1000 + i;
    if (threadIdx.x == 0) {
        mbarrier_init(shared_address(&s.bars[0]), 1);
        fence_mbarrier_init();
    }
    fence_proxy_async();
    cluster_sync();
    const uint32_t to = how == kSendToItself ? 0 : 1;
    uint32_t bar = shared_address(&s.bars[0]);
    if (cluster_ctarank() == to && threadIdx.x == 0)
        mbarrier_arrive_expect_tx(bar, 128);
    cluster_sync();
    if (cluster_ctarank() == 0 && threadIdx.x == 0) {
        uint32_t bytes = 128, source = shared_address(words),
                 destination = mapa(shared_address(words + 128), to), remote = mapa(bar, to);
        if (how == kSendOddSize)
            bytes = 120;
        if (how == kSendNothing)
            bytes = 0;
        if (how == kSendOddSource)
            source += 8;
        if (how == kSendOddDestination)
            destination += 4;
        if (how == kSendBeyondSource)
            source = shared_address(&s) + sizeof(Storage) - 64;
        if (how == kSendBeyondDestination)
            destination = mapa(shared_address(&s) + sizeof(Storage) - 64, to);
        if (how == kSendBarrierElsewhere)
            remote = bar;
        if (how == kSendToNobody)
            destination += 1u << 24;
        cp_async_bulk_to_cluster(destination, source, bytes, remote);
    }
    if (cluster_ctarank() == 0 && how == kSendAndExit)
        return;
    if (cluster_ctarank() == to) {
        mbarrier_wait_parity(bar, 0);
        out[threadIdx.x] = words[128 + threadIdx.x];
    }
    if (how != kSendAndExit)
        cluster_sync();
}
}
DI_SIM_KERNEL(own_window, 0, own_window);
DI_SIM_KERNEL(send, 0, send);
