// SPDX-License-Identifier: MIT
// Kernels for the tests of matrices, tensor maps, clusters and asynchronous copies.
#include "common/ptx.cuh"

using namespace di;
using namespace di::ptx;

namespace {
struct Tile {
    alignas(1024) unsigned char data[16384];
    alignas(8) uint64_t bar;
};

DI_DEVICE void start_barrier(Tile& s, uint32_t arrivals) {
    if (threadIdx.x == 0) {
        mbarrier_init(shared_address(&s.bar), arrivals);
        fence_mbarrier_init();
    }
    __syncthreads();
}
} // namespace

extern "C" {
// A box as it lies in shared memory.
__global__ void load_box(const __grid_constant__ TensorMap map, unsigned char* out, uint32_t bytes,
                         int x, int y) {
    Tile& s = dynamic_shared<Tile>();
    start_barrier(s, 1);
    uint32_t bar = shared_address(&s.bar);
    if (threadIdx.x == 0) {
        mbarrier_arrive_expect_tx(bar, bytes);
        cp_async_bulk_tensor_2d(shared_address(s.data), &map, bar, x, y);
    }
    mbarrier_wait_parity(bar, 0);
    for (uint32_t i = threadIdx.x; i < bytes; i += blockDim.x)
        out[i] = s.data[i];
}

// Shared memory to a box, plain or added.
__global__ void store_box(const __grid_constant__ TensorMap map, const unsigned char* in,
                          uint32_t bytes, int x, int y, int add) {
    Tile& s = dynamic_shared<Tile>();
    for (uint32_t i = threadIdx.x; i < bytes; i += blockDim.x)
        s.data[i] = in[i];
    fence_proxy_async_shared();
    __syncthreads();
    if (threadIdx.x == 0) {
        if (add != 0)
            cp_reduce_async_bulk_tensor_add_2d(&map, shared_address(s.data), x, y);
        else
            cp_async_bulk_tensor_store_2d(&map, shared_address(s.data), x, y);
        cp_async_bulk_commit();
        cp_async_bulk_wait<0>();
    }
}

__global__ void ld_matrix(const uint16_t* in, uint32_t* out, int transpose) {
    Tile& s = dynamic_shared<Tile>();
    auto* rows = reinterpret_cast<uint16_t*>(s.data);
    for (uint32_t i = threadIdx.x; i < 256; i += 32)
        rows[i] = in[i];
    __syncwarp();
    uint32_t r[4];
    uint32_t address = shared_address(rows + threadIdx.x * 8);
    if (transpose != 0)
        ldmatrix_x4_trans(r, address);
    else
        ldmatrix_x4(r, address);
    for (uint32_t i = 0; i < 4; ++i)
        out[threadIdx.x * 4 + i] = r[i];
    __syncwarp();
    if (transpose != 0)
        stmatrix_x4_trans(address, r);
    else
        stmatrix_x4(address, r);
    __syncwarp();
    for (uint32_t i = threadIdx.x; i < 256; i += 32)
        out[128 + i] = rows[i];
}

// Registers a, b by lane in memory; type 0 bf16, 1 f16, 2 tf32, 3 e4m3, 4 e5m2.
__global__ void mma(const uint32_t* a, const uint32_t* b, float* d, int type) {
    uint32_t ra[4], rb[2];
    float rd[4];
    for (uint32_t i = 0; i < 4; ++i) {
        ra[i] = a[threadIdx.x * 4 + i];
        rd[i] = d[threadIdx.x * 4 + i];
    }
    rb[0] = b[threadIdx.x * 2];
    rb[1] = b[threadIdx.x * 2 + 1];
    if (type == 0)
        mma_m16n8k16_bf16(rd, ra, rb);
    if (type == 1)
        mma_m16n8k16_f16(rd, ra, rb);
    if (type == 2)
        mma_m16n8k8_tf32(rd, ra, rb);
    if (type == 3)
        mma_m16n8k32_e4m3(rd, ra, rb);
    if (type == 4)
        mma_m16n8k32_e5m2(rd, ra, rb);
    for (uint32_t i = 0; i < 4; ++i)
        d[threadIdx.x * 4 + i] = rd[i];
}

// One wgmma of 64 x 16: operands as bytes at offsets 0 and 8,192, descriptors without addresses.
__global__ void wgmma_once(const unsigned char* operands, float* out, const uint32_t* a_registers,
                           uint64_t desc_a, uint64_t desc_b, int type, int transposes,
                           int from_registers) {
    Tile& s = dynamic_shared<Tile>();
    for (uint32_t i = threadIdx.x; i < sizeof s.data; i += blockDim.x)
        s.data[i] = operands[i];
    fence_proxy_async_shared();
    __syncthreads();
    uint64_t base = shared_address(s.data);
    desc_a |= base >> 4;
    desc_b |= (base + 8192) >> 4;
    float d[8];
    for (float& x : d)
        x = 1.0f;
    uint32_t a[4];
    for (uint32_t i = 0; i < 4; ++i)
        a[i] = a_registers[threadIdx.x * 4 + i];
    wgmma_fence();
    if (from_registers != 0) {
        if (type == 0)
            wgmma_m64n16k16_bf16_rs(d, a, desc_b, true);
        if (type == 2)
            wgmma_m64n16k8_tf32_rs(d, a, desc_b, true);
        if (type == 3)
            wgmma_m64n16k32_e4m3_rs(d, a, desc_b, true);
    } else {
        if (type == 0 && transposes == 0)
            wgmma_m64n16k16_bf16(d, desc_a, desc_b, true);
        if (type == 0 && transposes == 1)
            wgmma_m64n16k16_bf16<1, 0>(d, desc_a, desc_b, true);
        if (type == 0 && transposes == 2)
            wgmma_m64n16k16_bf16<0, 1>(d, desc_a, desc_b, true);
        if (type == 0 && transposes == 3)
            wgmma_m64n16k16_bf16<1, 1>(d, desc_a, desc_b, true);
        if (type == 1)
            wgmma_m64n16k16_f16(d, desc_a, desc_b, true);
        if (type == 2)
            wgmma_m64n16k8_tf32(d, desc_a, desc_b, true);
        if (type == 3)
            wgmma_m64n16k32_e4m3(d, desc_a, desc_b, true);
        if (type == 4)
            wgmma_m64n16k32_e5m2(d, desc_a, desc_b, true);
    }
    wgmma_commit();
    wgmma_wait<0>();
    for (uint32_t i = 0; i < 8; ++i)
        out[threadIdx.x * 8 + i] = d[i];
}

// cp.async of a row; wait 0: missing.
__global__ void copy_async(const uint32_t* in, uint32_t* out, int wait) {
    Tile& s = dynamic_shared<Tile>();
    auto* words = reinterpret_cast<uint32_t*>(s.data);
    uint32_t t = threadIdx.x;
    cp_async_16(shared_address(words + t * 4), in + t * 4, t % 4 * 4 + 4);
    cp_async_commit();
    if (wait != 0)
        cp_async_wait<0>();
    for (uint32_t i = 0; i < 4; ++i)
        out[t * 4 + i] = words[t * 4 + i];
}

// cp.async that arrives on a barrier.
__global__ void copy_async_barrier(const uint32_t* in, uint32_t* out) {
    Tile& s = dynamic_shared<Tile>();
    start_barrier(s, 32);
    auto* words = reinterpret_cast<uint32_t*>(s.data);
    uint32_t t = threadIdx.x;
    cp_async_16(shared_address(words + t * 4), in + t * 4);
    cp_async_mbarrier_arrive_noinc(shared_address(&s.bar));
    mbarrier_wait_parity(shared_address(&s.bar), 0);
    for (uint32_t i = 0; i < 4; ++i)
        out[t * 4 + i] = words[(31 - t) * 4 + i];
}

// Plain reads, then one lane per warp releases; the other warp overwrites.
__global__ void lane_release(uint32_t* out, int sync) {
    Tile& s = dynamic_shared<Tile>();
    auto* words = reinterpret_cast<uint32_t*>(s.data);
    start_barrier(s, 1);
    if (threadIdx.x < 32)
        words[threadIdx.x] = threadIdx.x;
    __syncthreads();
    if (threadIdx.x < 32) {
        out[threadIdx.x] = words[threadIdx.x];
        if (sync != 0)
            __syncwarp();
        if (threadIdx.x == 5)
            mbarrier_arrive(shared_address(&s.bar));
    } else {
        mbarrier_wait_parity(shared_address(&s.bar), 0);
        words[threadIdx.x - 32] = 99;
    }
}

// Neighbours write into each other's shared memory. mode 0 right, 1 no barrier before the read, 2
// exits early.
__global__ void neighbours(uint32_t* out, int mode) {
    Tile& s = dynamic_shared<Tile>();
    auto* words = reinterpret_cast<uint32_t*>(s.data);
    uint32_t rank = cluster_ctarank(), peer = rank ^ 1;
    words[threadIdx.x] = 0;
    cluster_sync();
    if (mode == 2 && rank == 1)
        return;
    st_shared_cluster_u32(mapa(shared_address(words + threadIdx.x), peer),
                          100 * rank + threadIdx.x);
    if (mode == 2) {
        // The peer has gone by the time that the second write comes.
        for (int i = 0; i < 1000; ++i) {
            __nanosleep(10);
            st_shared_cluster_u32(mapa(shared_address(words + threadIdx.x), peer), 1);
        }
    }
    if (mode == 0)
        cluster_sync();
    else
        __syncthreads();
    out[blockIdx.x * 32 + threadIdx.x] = words[threadIdx.x];
}

// Rank 0 loads a box for the whole cluster.
__global__ void multicast(const __grid_constant__ TensorMap map, unsigned char* out) {
    Tile& s = dynamic_shared<Tile>();
    start_barrier(s, 1);
    cluster_sync();
    uint32_t bar = shared_address(&s.bar);
    if (threadIdx.x == 0) {
        mbarrier_arrive_expect_tx(bar, 1024);
    }
    cluster_sync();
    if (threadIdx.x == 0 && cluster_ctarank() == 0)
        cp_async_bulk_tensor_2d_multicast(shared_address(s.data), &map, bar, 0, 0, 3);
    mbarrier_wait_parity(bar, 0);
    for (uint32_t i = threadIdx.x; i < 1024; i += 32)
        out[blockIdx.x * 1024 + i] = s.data[i];
    cluster_sync();
}
}
DI_SIM_KERNEL(load_box, 0, load_box);
DI_SIM_KERNEL(store_box, 0, store_box);
DI_SIM_KERNEL(ld_matrix, 0, ld_matrix);
DI_SIM_KERNEL(mma, 0, mma);
DI_SIM_KERNEL(wgmma_once, 0, wgmma_once);
DI_SIM_KERNEL(copy_async, 0, copy_async);
DI_SIM_KERNEL(copy_async_barrier, 0, copy_async_barrier);
DI_SIM_KERNEL(lane_release, 0, lane_release);
DI_SIM_KERNEL(neighbours, 0, neighbours);
DI_SIM_KERNEL(multicast, 0, multicast);
