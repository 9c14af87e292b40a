// SPDX-License-Identifier: MIT
// Kernels of scope_test.cpp: who may acquire what whom has released.
#include "common/ptx.cuh"

using namespace di;
using namespace di::ptx;

// One strong access.
struct Strong {
    int kind; // 0 load, 1 store, 2 atomic, 3 reduction, 4 reduction by a bulk copy
    int scope;
    int offset, bytes;
};

namespace {
DI_DEVICE void perform(unsigned char* word, const Strong& a) {
    uint64_t value[2] = {1, 0};
    unsigned char* p = word + a.offset;
    int type = a.bytes == 8 ? DI_SIM_U64 : a.bytes == 4 ? DI_SIM_U32 : DI_SIM_U16;
    if (a.kind == 0)
        di_sim_load(value, p, a.bytes, DI_SIM_RELAXED, a.scope);
    if (a.kind == 1)
        di_sim_store(p, value, a.bytes, DI_SIM_RELAXED, a.scope);
    if (a.kind == 2)
        di_sim_atomic(DI_SIM_ADD, type, DI_SIM_RELAXED, a.scope, p, 1, 0);
    if (a.kind == 3)
        di_sim_red(DI_SIM_ADD, type, DI_SIM_RELAXED, a.scope, p, 1);
    if (a.kind == 4) {
        struct Source {
            alignas(16) uint32_t words[4];
        };
        Source& source = dynamic_shared<Source>();
        for (uint32_t& x : source.words)
            x = 1;
        fence_proxy_async();
        di_sim_bulk_reduce_s2g(p, shared_address(source.words), 16, DI_SIM_ADD, DI_SIM_U32);
        cp_async_bulk_commit();
        cp_async_bulk_wait<0>();
    }
}

DI_DEVICE uint32_t poll(const uint32_t* p, uint32_t until, int order, int scope) {
    uint32_t seen;
    do {
        di_sim_load(&seen, p, 4, order, scope);
    } while (seen < until);
    return seen;
}
DI_DEVICE void put(uint32_t* p, uint32_t value, int order, int scope) {
    di_sim_store(p, &value, 4, order, scope);
}
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

// Two threads access the same word, of two warps or of two blocks; ordered 1: one after the other.
__global__ void strong_pair(unsigned char* word, uint32_t* flag, Strong first, Strong second,
                            int one_block, int ordered) {
    bool here = one_block != 0 ? threadIdx.x == 0 : blockIdx.x == 0 && threadIdx.x == 0;
    bool there = one_block != 0 ? threadIdx.x == 32 : blockIdx.x == 1 && threadIdx.x == 0;
    if (here) {
        perform(word, first);
        if (ordered != 0)
            put(flag, 1, DI_SIM_RELEASE, DI_SIM_GPU);
    }
    if (there) {
        if (ordered != 0)
            poll(flag, 1, DI_SIM_ACQUIRE, DI_SIM_GPU);
        perform(word, second);
    }
}

// Block 0 writes data and hands it over at flag in some way; block 1, told by a relaxed access that
// orders nothing, takes it over at flag. Ways of block 0: 0 store.release, 1 a compare-and-swap
// that succeeds, 2 one that fails, 3 store.release and store.relaxed of the same thread, 4 the same
// but the second store is another thread's, 5 store.release and a relaxed reduction of another
// thread. Ways of block 1: 0 load.acquire, 1 a compare-and-swap.acquire that fails, 2 the same
// relaxed, 3 a relaxed atomic and a fence, 4 a relaxed reduction and a fence, 5 a relaxed load and
// a fence.
__global__ void hand_over(uint32_t* data, uint32_t* flag, uint32_t* turn, int give, int take) {
    constexpr int kGpu = DI_SIM_GPU;
    if (blockIdx.x == 0) {
        if (threadIdx.x == 0) {
            data[0] = 7;
            if (give == 1 || give == 2)
                di_sim_atomic(DI_SIM_CAS, DI_SIM_U32, DI_SIM_RELEASE, kGpu, flag, 1,
                              give == 1 ? 0 : 99);
            else
                put(flag, 1, DI_SIM_RELEASE, kGpu);
            if (give == 3)
                put(flag, 2, DI_SIM_RELAXED, kGpu);
            put(turn, 1, DI_SIM_RELAXED, kGpu);
        }
        if (threadIdx.x == 32) {
            poll(turn, 1, DI_SIM_RELAXED, kGpu);
            if (give == 4)
                put(flag, 2, DI_SIM_RELAXED, kGpu);
            if (give == 5)
                di_sim_red(DI_SIM_ADD, DI_SIM_U32, DI_SIM_RELAXED, kGpu, flag, 1);
            put(turn + 1, 1, DI_SIM_RELAXED, kGpu);
        }
    } else if (threadIdx.x == 0) {
        poll(turn + 1, 1, DI_SIM_RELAXED, kGpu);
        uint32_t seen;
        if (take == 0 || take == 5)
            di_sim_load(&seen, flag, 4, take == 0 ? DI_SIM_ACQUIRE : DI_SIM_RELAXED, kGpu);
        if (take == 1 || take == 2)
            di_sim_atomic(DI_SIM_CAS, DI_SIM_U32, take == 1 ? DI_SIM_ACQ_REL : DI_SIM_RELEASE, kGpu,
                          flag, 1, 99);
        if (take == 3)
            di_sim_atomic(DI_SIM_ADD, DI_SIM_U32, DI_SIM_RELAXED, kGpu, flag, 1, 0);
        if (take == 4)
            di_sim_red(DI_SIM_ADD, DI_SIM_U32, DI_SIM_RELAXED, kGpu, flag, 1);
        if (take >= 3)
            di_sim_fence(DI_SIM_ACQ_REL, kGpu);
        data[1] = data[0];
    }
}

// A value that a compare-and-swap does not find is only read: plain reads beside it are right.
__global__ void failing_swap(uint32_t* word, uint32_t* out, uint32_t compare) {
    if (blockIdx.x == 0)
        di_sim_atomic(DI_SIM_CAS, DI_SIM_U32, DI_SIM_RELAXED, DI_SIM_GPU, word, 5, compare);
    else
        out[0] = word[0];
}

// Block 0 releases `bytes` at word; each other block acquires `part` bytes of it at its own offset.
__global__ void parts(unsigned char* word, uint32_t* data, int bytes, int part) {
    if (blockIdx.x == 0) {
        data[0] = 7;
        uint32_t ones[4] = {1, 1, 1, 1};
        di_sim_store(word, ones, bytes, DI_SIM_RELEASE, DI_SIM_GPU);
    } else {
        uint32_t seen[4] = {0, 0, 0, 0};
        do
            di_sim_load(seen, word + (blockIdx.x - 1) * part, part, DI_SIM_ACQUIRE, DI_SIM_GPU);
        while (seen[0] == 0);
        data[blockIdx.x] = data[0];
    }
}

// Halves of a word that two blocks release, one after the other, to two others.
__global__ void halves(uint16_t* word, uint32_t* data) {
    uint16_t one = 1, seen = 0;
    unsigned half = blockIdx.x % 2;
    if (blockIdx.x < 2) {
        data[half] = half + 7;
        di_sim_store(word + half, &one, 2, DI_SIM_RELEASE, DI_SIM_GPU);
    } else {
        do
            di_sim_load(&seen, word + half, 2, DI_SIM_ACQUIRE, DI_SIM_GPU);
        while (seen == 0);
        data[2 + half] = data[half];
    }
}

// Many blocks wait for a flag that one of them, once it has seen it, replaces by a relaxed store:
// who reads the old value acquires, whatever becomes of the flag meanwhile.
__global__ void overwritten(uint32_t* data, uint32_t* flag) {
    if (blockIdx.x == 0) {
        data[0] = 7;
        put(flag, 1, DI_SIM_RELEASE, DI_SIM_GPU);
    } else {
        bool first = poll(flag, 1, DI_SIM_ACQUIRE, DI_SIM_GPU) == 1;
        if (blockIdx.x == 1)
            put(flag, 2, DI_SIM_RELAXED, DI_SIM_GPU);
        if (first)
            data[blockIdx.x] = data[0];
    }
}

// The flag's scopes are wide enough, but the fence before it (how 0) or after it (how 1) has the
// scope of the block; how 2: right.
__global__ void narrow_fence(uint32_t* data, uint32_t* flag, int how) {
    if (blockIdx.x == 0) {
        data[0] = 7;
        di_sim_fence(DI_SIM_ACQ_REL, how == 0 ? DI_SIM_CTA : DI_SIM_GPU);
        put(flag, 1, DI_SIM_RELAXED, DI_SIM_GPU);
    } else {
        poll(flag, 1, DI_SIM_RELAXED, DI_SIM_GPU);
        di_sim_fence(DI_SIM_ACQ_REL, how == 1 ? DI_SIM_CTA : DI_SIM_GPU);
        data[1] = data[0];
    }
}

// A lock: how 0 right, 1 taken without acquire, 2 given back without release.
__global__ void lock(uint32_t* word, uint32_t* count, int how) {
    if (threadIdx.x != 0)
        return;
    int take = how == 1 ? DI_SIM_RELAXED : DI_SIM_ACQUIRE;
    while (di_sim_atomic(DI_SIM_CAS, DI_SIM_U32, take, DI_SIM_GPU, word, 1, 0) != 0) {
    }
    count[0] = count[0] + 1;
    uint32_t zero = 0;
    di_sim_store(word, &zero, 4, how == 2 ? DI_SIM_RELAXED : DI_SIM_RELEASE, DI_SIM_GPU);
}
}

DI_SIM_KERNEL(strong_pair, 0, strong_pair);
DI_SIM_KERNEL(hand_over, 0, hand_over);
DI_SIM_KERNEL(failing_swap, 0, failing_swap);
DI_SIM_KERNEL(parts, 0, parts);
DI_SIM_KERNEL(halves, 0, halves);
DI_SIM_KERNEL(overwritten, 0, overwritten);
DI_SIM_KERNEL(narrow_fence, 0, narrow_fence);
DI_SIM_KERNEL(lock, 0, lock);

DI_SIM_KERNEL(barrier_scopes, 0, barrier_scopes);
