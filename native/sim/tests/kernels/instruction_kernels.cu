// SPDX-License-Identifier: MIT
// Kernels of instruction_test.cpp.
#include "common/ptx.cuh"

using namespace di;
using namespace di::ptx;

namespace {
struct Box {
    alignas(1024) unsigned char data[16384];
    alignas(8) uint64_t bars[2];
};
DI_DEVICE void start(Box& s, uint32_t arrivals) {
    if (threadIdx.x == 0) {
        mbarrier_init(shared_address(&s.bars[0]), arrivals);
        mbarrier_init(shared_address(&s.bars[1]), arrivals);
        fence_mbarrier_init();
    }
    __syncthreads();
}
} // namespace

extern "C" {
// The rows of two matrices, by the addresses of lanes 0 to 15.
__global__ void pair_matrix(const uint16_t* in, uint32_t* out, int transpose) {
    Box& s = dynamic_shared<Box>();
    auto* rows = reinterpret_cast<uint16_t*>(s.data);
    for (uint32_t i = threadIdx.x; i < 128; i += 32)
        rows[i] = in[i];
    __syncwarp();
    uint32_t r[2];
    uint32_t address = shared_address(rows + threadIdx.x % 16 * 8);
    if (transpose != 0)
        ldmatrix_x2_trans(r, address);
    else
        ldmatrix_x2(r, address);
    out[threadIdx.x * 2] = r[0];
    out[threadIdx.x * 2 + 1] = r[1];
}

// In by two bulk loads, out by a bulk store (how 0) or addition (1), or stored before the loads are
// waited for (2).
__global__ void bulk_through(const float* in, float* out, uint32_t bytes, int how) {
    Box& s = dynamic_shared<Box>();
    start(s, 1);
    uint32_t bar = shared_address(&s.bars[0]), data = shared_address(s.data);
    if (threadIdx.x != 0)
        return;
    mbarrier_expect_tx(bar, bytes / 2);
    cp_async_bulk_load(data, in, bytes / 2, bar);
    mbarrier_arrive_expect_tx(bar, bytes / 2);
    cp_async_bulk_load(data + bytes / 2, in + bytes / 8, bytes / 2, bar);
    if (how != 2)
        while (!mbarrier_test_wait_parity(bar, 0)) {
        }
    if (how == 1)
        cp_reduce_async_bulk_add_f32(out, data, bytes);
    else
        cp_async_bulk_store(out, data, bytes);
    cp_async_bulk_commit();
    cp_async_bulk_wait_read<0>();
    if (how != 2)
        cp_async_bulk_wait<0>();
    else
        mbarrier_wait_parity(bar, 0);
}

// A box from one tensor to another.
__global__ void box_3d(const __grid_constant__ TensorMap map, const __grid_constant__ TensorMap to,
                       uint32_t bytes, int x, int y, int z) {
    Box& s = dynamic_shared<Box>();
    start(s, 1);
    uint32_t bar = shared_address(&s.bars[0]), data = shared_address(s.data);
    if (threadIdx.x == 0) {
        prefetch_tensormap(&map);
        mbarrier_arrive_expect_tx(bar, bytes);
        cp_async_bulk_tensor_3d(data, &map, bar, x, y, z);
        mbarrier_wait_parity(bar, 0);
        cp_async_bulk_tensor_store_3d(&to, data, 0, 0, 0);
        cp_async_bulk_commit();
        cp_async_bulk_wait<0>();
    }
}

__global__ void box_4d(const __grid_constant__ TensorMap map, unsigned char* out, uint32_t bytes,
                       int x, int y, int z, int w) {
    Box& s = dynamic_shared<Box>();
    start(s, 1);
    uint32_t bar = shared_address(&s.bars[0]);
    if (threadIdx.x == 0) {
        mbarrier_arrive_expect_tx(bar, bytes);
        cp_async_bulk_tensor_4d(shared_address(s.data), &map, bar, x, y, z, w);
    }
    mbarrier_wait_parity(bar, 0);
    for (uint32_t i = threadIdx.x; i < bytes; i += 32)
        out[i] = s.data[i];
}

// Warp 0 produces, warp 1 consumes, through two named barriers; broken: reads before it waits.
__global__ void handover(uint32_t* out, uint32_t rounds, int broken) {
    Box& s = dynamic_shared<Box>();
    auto* words = reinterpret_cast<uint32_t*>(s.data);
    uint32_t lane = threadIdx.x % 32;
    for (uint32_t i = 0; i < rounds; ++i) {
        if (threadIdx.x < 32) {
            if (i != 0)
                bar_sync(2, 64);
            words[lane] = i * 100 + lane;
            bar_arrive(1, 64);
        } else {
            bool early = broken != 0 && i == 1;
            if (!early)
                bar_sync(1, 64);
            out[i * 32 + lane] = words[31 - lane];
            if (early)
                bar_sync(1, 64);
            if (i + 1 < rounds)
                bar_arrive(2, 64);
        }
    }
}

// Six phases of a barrier with 32 arrivals, which is then invalidated and made anew.
__global__ void phases(uint32_t* out) {
    Box& s = dynamic_shared<Box>();
    start(s, 32);
    uint32_t bar = shared_address(&s.bars[0]);
    auto* words = reinterpret_cast<uint32_t*>(s.data);
    uint32_t lane = threadIdx.x;
    for (uint32_t phase = 0; phase < 6; ++phase) {
        words[lane] = phase * 1000 + lane;
        mbarrier_arrive(bar);
        mbarrier_wait_parity(bar, phase % 2);
        out[phase * 32 + lane] = words[lane ^ 7];
        __syncwarp();
    }
    if (lane == 0) {
        mbarrier_inval(bar);
        mbarrier_init(bar, 1);
        fence_mbarrier_init();
        mbarrier_arrive(bar);
    }
    __syncwarp();
    mbarrier_wait_parity(bar, 0);
}

// Block 0 sends a row to block 1 by a bulk copy, and a word by a remote store and arrival. mode 1:
// the cluster barrier before it orders no memory.
__global__ void cluster_send(uint32_t* out, int mode) {
    Box& s = dynamic_shared<Box>();
    auto* words = reinterpret_cast<uint32_t*>(s.data);
    start(s, 1);
    uint32_t rank = cluster_ctarank(), lane = threadIdx.x;
    words[lane] = rank * 1000 + lane;
    words[lane + 64] = 0;
    fence_proxy_async();
    if (mode == 1)
        cluster_arrive_relaxed();
    else
        cluster_arrive();
    cluster_wait();
    uint32_t bar0 = shared_address(&s.bars[0]), bar1 = shared_address(&s.bars[1]);
    if (rank == 0 && lane == 0) {
        cp_async_bulk_to_cluster(mapa(shared_address(words + 32), 1), shared_address(words), 128,
                                 mapa(bar0, 1));
        st_shared_cluster_u32(mapa(shared_address(words + 64), 1), 77);
        mbarrier_arrive_cluster(mapa(bar1, 1));
    }
    if (rank == 1) {
        if (lane == 0)
            mbarrier_arrive_expect_tx(bar0, 128);
        mbarrier_wait_parity(bar0, 0);
        mbarrier_wait_parity_cluster(bar1, 0);
        out[lane] = words[32 + lane];
        if (lane == 0)
            out[32] = words[64];
    }
    if (lane == 1)
        out[33 + rank] = ld_shared_cluster_u32(mapa(shared_address(words + 5), rank ^ 1));
    cluster_sync();
    if (rank == 0 && lane == 2)
        out[35] = cluster_nctarank();
}

// Blocks take turns: how 0 acquire and release, 1 fences, 2 neither, 3 fences of too narrow a
// scope.
__global__ void turns(uint32_t* turn, uint32_t* plain, uint32_t* done, int how) {
    if (threadIdx.x != 0)
        return;
    uint32_t mine = blockIdx.x;
    if (how == 0) {
        while (ld_acquire_gpu(turn) != mine) {
        }
    } else {
        while (ld_relaxed_gpu(turn) != mine) {
        }
        if (how == 1)
            fence_acq_rel_gpu();
        if (how == 3)
            fence_acq_rel_cta();
    }
    *plain = *plain * 3 + mine;
    if (how == 0) {
        st_release_gpu(turn, mine + 1);
        atom_add_acq_rel_gpu(done, 1);
    } else {
        if (how == 1)
            fence_acq_rel_gpu();
        if (how == 3)
            fence_acq_rel_cta();
        st_relaxed_gpu(turn, mine + 1);
        red_add_relaxed_gpu(done, 1);
    }
}

// Registers of three warpgroups: 40 and twice 232, or twice 256, which is too much.
__global__ void budget(int large) {
    if (threadIdx.x < 128) {
        setmaxnreg_dec<40>();
    } else if (large != 0) {
        setmaxnreg_inc<256>();
    } else {
        setmaxnreg_inc<232>();
    }
}

__global__ void mixed_mma(const uint32_t* a, const uint32_t* b, float* d, int which) {
    uint32_t ra[4], rb[2];
    float rd[4];
    for (uint32_t i = 0; i < 4; ++i) {
        ra[i] = a[threadIdx.x * 4 + i];
        rd[i] = d[threadIdx.x * 4 + i];
    }
    rb[0] = b[threadIdx.x * 2];
    rb[1] = b[threadIdx.x * 2 + 1];
    if (which == 0)
        mma_m16n8k32_e4m3_e5m2(rd, ra, rb);
    else
        mma_m16n8k32_e5m2_e4m3(rd, ra, rb);
    for (uint32_t i = 0; i < 4; ++i)
        d[threadIdx.x * 4 + i] = rd[i];
}
}

namespace {
template <int N> struct Wide;
#define WIDE(N)                                                                                    \
    template <> struct Wide<N> {                                                                   \
        static DI_DEVICE void bf16(float (&d)[N / 2], uint64_t a, uint64_t b, bool acc) {          \
            wgmma_m64n##N##k16_bf16(d, a, b, acc);                                                 \
        }                                                                                          \
        static DI_DEVICE void f16(float (&d)[N / 2], const uint32_t (&a)[4], uint64_t b,           \
                                  bool acc) {                                                      \
            wgmma_m64n##N##k16_f16_rs(d, a, b, acc);                                               \
        }                                                                                          \
        static DI_DEVICE void e5m2(float (&d)[N / 2], const uint32_t (&a)[4], uint64_t b,          \
                                   bool acc) {                                                     \
            wgmma_m64n##N##k32_e5m2_rs(d, a, b, acc);                                              \
        }                                                                                          \
    };
WIDE(8)
WIDE(32)
WIDE(64)
WIDE(96)
WIDE(128)
WIDE(192)
WIDE(256)
} // namespace

// A at 0 (64 rows), B at 2,048 (N rows), K-major without swizzle, 32 bytes of k.
template <int N>
__global__ void wide(const unsigned char* operands, float* out, const uint32_t* registers, int type,
                     int keep) {
    auto* data = static_cast<unsigned char*>(di_sim_dynamic_shared(2048 + 32 * N, 1024));
    for (uint32_t i = threadIdx.x; i < 2048 + 32 * N; i += 128)
        data[i] = operands[i];
    fence_proxy_async_shared();
    __syncthreads();
    uint32_t base = shared_address(data);
    uint64_t a = matrix_descriptor(base, 128, 256, MatrixSwizzle::kNone);
    uint64_t b = matrix_descriptor(base + 2048, 128, 256, MatrixSwizzle::kNone);
    uint32_t ra[4];
    for (uint32_t i = 0; i < 4; ++i)
        ra[i] = registers[threadIdx.x * 4 + i];
    float d[N / 2];
    for (float& x : d)
        x = 3.0f;
    wgmma_fence();
    // Two groups: the second one accumulates on the first.
    for (int round = 0; round < 2; ++round) {
        bool acc = round == 1 || keep != 0;
        if (type == 0)
            Wide<N>::bf16(d, a, b, acc);
        if (type == 1)
            Wide<N>::f16(d, ra, b, acc);
        if (type == 4)
            Wide<N>::e5m2(d, ra, b, acc);
        wgmma_commit();
    }
    wgmma_wait<1>();
    wgmma_wait<0>();
    for (int i = 0; i < N / 2; ++i)
        out[threadIdx.x * (N / 2) + static_cast<unsigned>(i)] = d[i];
}
DI_SIM_KERNEL(pair_matrix, 0, pair_matrix);
DI_SIM_KERNEL(bulk_through, 0, bulk_through);
DI_SIM_KERNEL(box_3d, 0, box_3d);
DI_SIM_KERNEL(box_4d, 0, box_4d);
DI_SIM_KERNEL(handover, 0, handover);
DI_SIM_KERNEL(phases, 0, phases);
DI_SIM_KERNEL(cluster_send, 0, cluster_send);
DI_SIM_KERNEL(turns, 0, turns);
DI_SIM_KERNEL(budget, 0, budget);
DI_SIM_KERNEL(mixed_mma, 0, mixed_mma);
DI_SIM_KERNEL(wide8, 0, wide<8>);
DI_SIM_KERNEL(wide32, 0, wide<32>);
DI_SIM_KERNEL(wide64, 0, wide<64>);
DI_SIM_KERNEL(wide96, 0, wide<96>);
DI_SIM_KERNEL(wide128, 0, wide<128>);
DI_SIM_KERNEL(wide192, 0, wide<192>);
DI_SIM_KERNEL(wide256, 0, wide<256>);
