// SPDX-License-Identifier: MIT
// Kernels of tensor_test.cpp: boxes of every rank through tensor maps.
#include "common/ptx.cuh"

using namespace di;
using namespace di::ptx;

namespace {
struct Storage {
    alignas(1024) unsigned char data[16384];
    alignas(8) uint64_t bar;
};
struct Coordinates {
    int at[5];
};

DI_DEVICE void load(uint32_t to, const TensorMap* map, uint32_t bar, int rank,
                    const Coordinates& c) {
    switch (rank) {
    case 1:
        return cp_async_bulk_tensor_1d(to, map, bar, c.at[0]);
    case 2:
        return cp_async_bulk_tensor_2d(to, map, bar, c.at[0], c.at[1]);
    case 3:
        return cp_async_bulk_tensor_3d(to, map, bar, c.at[0], c.at[1], c.at[2]);
    case 4:
        return cp_async_bulk_tensor_4d(to, map, bar, c.at[0], c.at[1], c.at[2], c.at[3]);
    default:
        return cp_async_bulk_tensor_5d(to, map, bar, c.at[0], c.at[1], c.at[2], c.at[3], c.at[4]);
    }
}

DI_DEVICE void load_multicast(uint32_t to, const TensorMap* map, uint32_t bar, int rank,
                              const Coordinates& c) {
    switch (rank) {
    case 1:
        return cp_async_bulk_tensor_1d_multicast(to, map, bar, c.at[0], 3);
    case 2:
        return cp_async_bulk_tensor_2d_multicast(to, map, bar, c.at[0], c.at[1], 3);
    case 3:
        return cp_async_bulk_tensor_3d_multicast(to, map, bar, c.at[0], c.at[1], c.at[2], 3);
    case 4:
        return cp_async_bulk_tensor_4d_multicast(to, map, bar, c.at[0], c.at[1], c.at[2], c.at[3],
                                                 3);
    default:
        return cp_async_bulk_tensor_5d_multicast(to, map, bar, c.at[0], c.at[1], c.at[2], c.at[3],
                                                 c.at[4], 3);
    }
}

DI_DEVICE void prefetch(const TensorMap* map, int rank, const Coordinates& c) {
    switch (rank) {
    case 1:
        return cp_async_bulk_tensor_prefetch_1d(map, c.at[0]);
    case 2:
        return cp_async_bulk_tensor_prefetch_2d(map, c.at[0], c.at[1]);
    case 3:
        return cp_async_bulk_tensor_prefetch_3d(map, c.at[0], c.at[1], c.at[2]);
    case 4:
        return cp_async_bulk_tensor_prefetch_4d(map, c.at[0], c.at[1], c.at[2], c.at[3]);
    default:
        return cp_async_bulk_tensor_prefetch_5d(map, c.at[0], c.at[1], c.at[2], c.at[3], c.at[4]);
    }
}

DI_DEVICE void store(const TensorMap* map, uint32_t from, int rank, const Coordinates& c) {
    switch (rank) {
    case 1:
        return cp_async_bulk_tensor_store_1d(map, from, c.at[0]);
    case 2:
        return cp_async_bulk_tensor_store_2d(map, from, c.at[0], c.at[1]);
    case 3:
        return cp_async_bulk_tensor_store_3d(map, from, c.at[0], c.at[1], c.at[2]);
    case 4:
        return cp_async_bulk_tensor_store_4d(map, from, c.at[0], c.at[1], c.at[2], c.at[3]);
    default:
        return cp_async_bulk_tensor_store_5d(map, from, c.at[0], c.at[1], c.at[2], c.at[3],
                                             c.at[4]);
    }
}

#define BY_RANK(name)                                                                              \
    switch (rank) {                                                                                \
    case 1:                                                                                        \
        return cp_reduce_async_bulk_tensor_##name##_1d(map, from, c.at[0]);                        \
    case 2:                                                                                        \
        return cp_reduce_async_bulk_tensor_##name##_2d(map, from, c.at[0], c.at[1]);               \
    case 3:                                                                                        \
        return cp_reduce_async_bulk_tensor_##name##_3d(map, from, c.at[0], c.at[1], c.at[2]);      \
    case 4:                                                                                        \
        return cp_reduce_async_bulk_tensor_##name##_4d(map, from, c.at[0], c.at[1], c.at[2],       \
                                                       c.at[3]);                                   \
    default:                                                                                       \
        return cp_reduce_async_bulk_tensor_##name##_5d(map, from, c.at[0], c.at[1], c.at[2],       \
                                                       c.at[3], c.at[4]);                          \
    }

DI_DEVICE void reduce(const TensorMap* map, uint32_t from, int rank, const Coordinates& c, int op) {
    switch (op) {
    case DI_SIM_ADD:
        BY_RANK(add)
    case DI_SIM_MIN:
        BY_RANK(min)
    case DI_SIM_MAX:
        BY_RANK(max)
    case DI_SIM_INC:
        BY_RANK(inc)
    case DI_SIM_DEC:
        BY_RANK(dec)
    case DI_SIM_AND:
        BY_RANK(and)
    case DI_SIM_OR:
        BY_RANK(or)
    default:
        BY_RANK(xor)
    }
}
} // namespace

extern "C" {
// A box to shared memory, as it lies there to out, and from there to another tensor. In a cluster
// of two block 0 loads it for both.
__global__ void tensor_box(const __grid_constant__ TensorMap from,
                           const __grid_constant__ TensorMap to, unsigned char* out, uint32_t bytes,
                           int rank, Coordinates load_at, Coordinates store_at) {
    Storage& s = dynamic_shared<Storage>();
    uint32_t bar = shared_address(&s.bar), data = shared_address(s.data);
    bool both = cluster_nctarank() == 2;
    if (threadIdx.x == 0) {
        mbarrier_init(bar, 1);
        fence_mbarrier_init();
        mbarrier_arrive_expect_tx(bar, bytes);
    }
    if (both)
        cluster_sync();
    if (threadIdx.x == 0 && cluster_ctarank() == 0) {
        prefetch(&from, rank, load_at);
        if (both)
            load_multicast(data, &from, bar, rank, load_at);
        else
            load(data, &from, bar, rank, load_at);
    }
    __syncthreads();
    mbarrier_wait_parity(bar, 0);
    for (uint32_t i = threadIdx.x; i < bytes; i += 32)
        out[blockIdx.x * bytes + i] = s.data[i];
    if (threadIdx.x == 0 && cluster_ctarank() == 0) {
        store(&to, data, rank, store_at);
        cp_async_bulk_commit();
        cp_async_bulk_wait<0>();
    }
    if (both)
        cluster_sync();
}

// Combines a box with a tensor.
__global__ void tensor_reduce(const __grid_constant__ TensorMap map, const unsigned char* in,
                              uint32_t bytes, int rank, Coordinates at, int op) {
    Storage& s = dynamic_shared<Storage>();
    for (uint32_t i = threadIdx.x; i < bytes; i += 32)
        s.data[i] = in[i];
    fence_proxy_async_shared();
    __syncwarp();
    if (threadIdx.x == 0) {
        reduce(&map, shared_address(s.data), rank, at, op);
        cp_async_bulk_commit();
        cp_async_bulk_wait<0>();
    }
}

// Block 0 writes a tensor map to global memory, block 1 loads a box through it. how: 0 right, 1 no
// acquire, 2 no release.
__global__ void tensor_map_message(const __grid_constant__ TensorMap map, TensorMap* message,
                                   uint32_t* flag, unsigned char* out, uint32_t bytes, int how) {
    Storage& s = dynamic_shared<Storage>();
    uint32_t bar = shared_address(&s.bar);
    if (threadIdx.x != 0)
        return;
    if (blockIdx.x == 0) {
        for (uint32_t i = 0; i < 16; ++i)
            message->words[i] = map.words[i];
        if (how != 2)
            fence_proxy_tensormap_release_gpu();
        st_relaxed_gpu(flag, 1);
        return;
    }
    while (ld_relaxed_gpu(flag) == 0) {
    }
    if (how != 1)
        fence_proxy_tensormap_acquire_gpu(message);
    else
        fence_acq_rel_gpu();
    mbarrier_init(bar, 1);
    fence_mbarrier_init();
    mbarrier_arrive_expect_tx(bar, bytes);
    cp_async_bulk_tensor_2d(shared_address(s.data), message, bar, 0, 0);
    mbarrier_wait_parity(bar, 0);
    for (uint32_t i = 0; i < bytes; ++i)
        out[i] = s.data[i];
}
}
DI_SIM_KERNEL(tensor_box, 0, tensor_box);
DI_SIM_KERNEL(tensor_reduce, 0, tensor_reduce);
DI_SIM_KERNEL(tensor_map_message, 0, tensor_map_message);
