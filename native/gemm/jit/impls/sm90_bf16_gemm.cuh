// SPDX-License-Identifier: MIT
//
// What
//   d[m, n] = sum over k of a[m, k] b[n, k] (+ c[m, n]) (+ bias[n]); products and sums in binary32
//   in the tensor core, one rounding to the type of d.
//
// Tensors
//   a     [M, K] bf16, K-major or M-major, through tensor_map_a: swizzle 128 B, zeros outside
//   b     [N, K] bf16, K-major or N-major, through tensor_map_b: the same
//   d, c  [M, N] f32 or bf16, N contiguous; bias [N] f32 or bf16
//   Boxes of the maps, innermost first: K-major {64 k, kBlockMn rows}, MN-major {64 rows, 64 k}.
//
// Tiling
//   One block computes kBlockM = 64 rows and kBlockN columns; K in steps of kBlockK = 64, four
//   wgmma of k16 each. Blocks are numbered along M first: blocks that run together share columns of
//   b.
//
// Warp roles
//   warps 0-3   consumer warpgroup: wgmma, epilogue          128 threads
//   warp  4     producer: one lane issues the TMA loads        32 threads
//   160 threads; the accumulator takes kBlockN / 2 registers of a consumer. No setmaxnreg: one
//   block has room.
//
// Pipeline (kNumStages stages)
//   full_barriers[s]    1 arrival (producer, with expect_tx of both tiles) + the bytes; consumers
//   wait, phase 0 first empty_barriers[s]   4 arrivals (a lane per consumer warp); the producer
//   waits, and passes the first round The consumer keeps one group of wgmma in flight and frees the
//   stage before it.
//
// Shared memory, per stage
//   a  64 x 64 x 2 =  8,192 B   b  kBlockN x 64 x 2 = 8,192 or 16,384 B
//   four stages and barriers, in whole KiB: 66,560 B (kBlockN 64) or 99,328 B (kBlockN 128) of 227
//   KiB A tile is 128 B rows in swizzle atoms of 8 rows. MN-major tiles are columns of 64 x 64
//   squares, 8,192 B apart.
//
// Schedule
//   producer   | wait empty[s] | expect_tx, TMA a, TMA b -> full[s] | s + 1 ...
//   consumer   | wait full[s] | 4 wgmma, commit | wait for the group before, arrive empty[s - 1] |
//   s + 1 ...
//
// Bound
//   2 M N K FLOP. A block reads (64 + kBlockN) x 128 B per 64 x kBlockN x 128 FLOP: 43 FLOP/B with
//   kBlockN 128 from L2, which bounds large problems; small M is bound by reading b once from
//   memory.
//
// Limits
//   sm_90a. K = 0 is allowed (no loads; d = c + bias). One consumer warpgroup, no clusters, no
//   persistence.
//
// Sources
//   Mbarrier pipelines with a producer warp as CUTLASS and DeepGEMM describe them; layouts from the
//   PTX ISA.
#pragma once

#include "common/ptx.cuh"
#include "gemm/jit/epilogue/output.cuh"

namespace di::gemm {

template <int kBlockN_, bool kMajorA_, bool kMajorB_> struct Bf16GemmConfig {
    static constexpr int kBlockM = 64;
    static constexpr int kBlockN = kBlockN_;
    static constexpr int kBlockK = 64;
    static constexpr int kNumStages = 4;
    static constexpr bool kMajorA = kMajorA_; // true: K contiguous
    static constexpr bool kMajorB = kMajorB_;
    static constexpr int kConsumerThreads = 128;
    static constexpr int kConsumerWarps = kConsumerThreads / 32;
    static constexpr int kThreads = kConsumerThreads + 32;
    static constexpr int kAccumulators = kBlockM * kBlockN / kConsumerThreads;
    static constexpr uint32_t kTileBytesA = kBlockM * kBlockK * 2;
    static constexpr uint32_t kTileBytesB = kBlockN * kBlockK * 2;
    static_assert(kBlockN == 64 || kBlockN == 128, "a wgmma instruction is chosen for 64 or 128");
    static_assert(kBlockK * 2 == 128, "a row of a K-major tile is one swizzle row");
};

// A square of 64 x 64 elements: what one row of swizzle atoms holds of an MN-major tile.
constexpr uint32_t kSquare = 64;
constexpr uint32_t kSquareBytes = kSquare * kSquare * 2;
// Eight rows of 128 bytes: from one swizzle atom to the next.
constexpr uint32_t kAtomBytes = 1024;

template <typename Config> struct Bf16SharedStorage {
    alignas(1024) unsigned char a[Config::kNumStages][Config::kTileBytesA];
    alignas(1024) unsigned char b[Config::kNumStages][Config::kTileBytesB];
    alignas(8) uint64_t full_barriers[Config::kNumStages];
    uint64_t empty_barriers[Config::kNumStages];
};

struct Bf16GemmParams {
    OutputParams out;
    int32_t num_m_blocks;
    int32_t num_k_blocks;
};

template <int kNumStages> struct PipelineState {
    uint32_t stage_idx = 0;
    uint32_t phase = 0;

    DI_DEVICE void advance_pipeline() {
        if (++stage_idx == kNumStages) {
            stage_idx = 0;
            phase ^= 1;
        }
    }
};

// Loads one tile: K-major in one box, MN-major in a box per 64 rows.
template <bool kMajor, int kBlockMn>
DI_DEVICE void load_tile(uint32_t smem_tile, const ptx::TensorMap* tensor_map, uint32_t barrier,
                         int32_t mn, int32_t k) {
    if constexpr (kMajor) {
        ptx::cp_async_bulk_tensor_2d(smem_tile, tensor_map, barrier, k, mn);
    } else {
        for (int i = 0; i < kBlockMn / static_cast<int>(kSquare); i++)
            ptx::cp_async_bulk_tensor_2d(smem_tile + i * kSquareBytes, tensor_map, barrier,
                                         mn + i * static_cast<int>(kSquare), k);
    }
}

template <typename Config>
DI_DEVICE void produce(Bf16SharedStorage<Config>& smem, const ptx::TensorMap* tensor_map_a,
                       const ptx::TensorMap* tensor_map_b, int32_t m, int32_t n,
                       int32_t num_k_blocks) {
    PipelineState<Config::kNumStages> state;
    for (int32_t k_block_idx = 0; k_block_idx < num_k_blocks; k_block_idx++) {
        const uint32_t stage_idx = state.stage_idx;
        // The other parity: the first round finds every stage empty.
        ptx::mbarrier_wait_parity(ptx::shared_address(&smem.empty_barriers[stage_idx]),
                                  state.phase ^ 1);
        const uint32_t full = ptx::shared_address(&smem.full_barriers[stage_idx]);
        ptx::mbarrier_arrive_expect_tx(full, Config::kTileBytesA + Config::kTileBytesB);
        const int32_t k = k_block_idx * Config::kBlockK;
        load_tile<Config::kMajorA, Config::kBlockM>(ptx::shared_address(smem.a[stage_idx]),
                                                    tensor_map_a, full, m, k);
        load_tile<Config::kMajorB, Config::kBlockN>(ptx::shared_address(smem.b[stage_idx]),
                                                    tensor_map_b, full, n, k);
        state.advance_pipeline();
    }
}

// The descriptor of 16 k of a tile.
template <bool kMajor> DI_DEVICE uint64_t tile_descriptor(uint32_t smem_tile, uint32_t k16) {
    if constexpr (kMajor)
        return ptx::matrix_descriptor(smem_tile + k16 * 32, 0, kAtomBytes,
                                      ptx::MatrixSwizzle::k128);
    else
        return ptx::matrix_descriptor(smem_tile + k16 * 2 * kAtomBytes, kSquareBytes, kAtomBytes,
                                      ptx::MatrixSwizzle::k128);
}

template <typename Config>
DI_DEVICE void multiply_tile(float (&accum)[Config::kAccumulators], uint32_t smem_a,
                             uint32_t smem_b) {
    constexpr int kTransposeA = Config::kMajorA ? 0 : 1;
    constexpr int kTransposeB = Config::kMajorB ? 0 : 1;
#pragma unroll
    for (uint32_t k16 = 0; k16 < Config::kBlockK / 16; k16++) {
        const uint64_t a = tile_descriptor<Config::kMajorA>(smem_a, k16);
        const uint64_t b = tile_descriptor<Config::kMajorB>(smem_b, k16);
        if constexpr (Config::kBlockN == 64)
            ptx::wgmma_m64n64k16_bf16<kTransposeA, kTransposeB>(accum, a, b, true);
        else
            ptx::wgmma_m64n128k16_bf16<kTransposeA, kTransposeB>(accum, a, b, true);
    }
}

// Waits for a stage and starts its multiplications.
template <typename Config>
DI_DEVICE void start_stage(Bf16SharedStorage<Config>& smem, float (&accum)[Config::kAccumulators],
                           const PipelineState<Config::kNumStages>& state) {
    ptx::mbarrier_wait_parity(ptx::shared_address(&smem.full_barriers[state.stage_idx]),
                              state.phase);
    // Orders the accumulators, which this thread has written, before the tensor core's use of them.
    ptx::wgmma_fence();
    multiply_tile<Config>(accum, ptx::shared_address(smem.a[state.stage_idx]),
                          ptx::shared_address(smem.b[state.stage_idx]));
    ptx::wgmma_commit();
}

// The first stage stands before the loop: the compiler serialises wgmma if the zeros and the sums
// meet at the head of a loop while a group is in flight.
template <typename Config>
DI_DEVICE void consume(Bf16SharedStorage<Config>& smem, float (&accum)[Config::kAccumulators],
                       int32_t num_k_blocks) {
    PipelineState<Config::kNumStages> state;
    start_stage<Config>(smem, accum, state);
    for (int32_t k_block_idx = 1; k_block_idx < num_k_blocks; k_block_idx++) {
        const uint32_t previous_stage_idx = state.stage_idx;
        state.advance_pipeline();
        start_stage<Config>(smem, accum, state);
        // The group before this one has read its stage.
        ptx::wgmma_wait<1>();
        if (threadIdx.x % 32 == 0)
            ptx::mbarrier_arrive(ptx::shared_address(&smem.empty_barriers[previous_stage_idx]));
    }
    ptx::wgmma_wait<0>();
}

// Thread t of the warpgroup holds rows t / 32 * 16 + t % 32 / 4 and eight below, two columns of
// every eight.
template <typename Config>
DI_DEVICE void store_tile(const OutputParams& out, const float (&accum)[Config::kAccumulators],
                          int32_t m, int32_t n) {
    const int32_t lane_idx = threadIdx.x % 32, warp_idx = threadIdx.x / 32;
    const int32_t row = m + warp_idx * 16 + lane_idx / 4;
    const int32_t column = n + lane_idx % 4 * 2;
#pragma unroll
    for (int i = 0; i < Config::kBlockN / 8; i++) {
        store_pair(out, row, column + i * 8, accum[i * 4], accum[i * 4 + 1]);
        store_pair(out, row + 8, column + i * 8, accum[i * 4 + 2], accum[i * 4 + 3]);
    }
}

template <typename Config>
__global__ void __launch_bounds__(Config::kThreads)
    sm90_bf16_gemm(const __grid_constant__ ptx::TensorMap tensor_map_a,
                   const __grid_constant__ ptx::TensorMap tensor_map_b,
                   const __grid_constant__ Bf16GemmParams params) {
    auto& smem = dynamic_shared<Bf16SharedStorage<Config>>();
    const int32_t m_block_idx = blockIdx.x % params.num_m_blocks;
    const int32_t n_block_idx = blockIdx.x / params.num_m_blocks;
    const int32_t m = m_block_idx * Config::kBlockM, n = n_block_idx * Config::kBlockN;

    if (threadIdx.x == 0) {
        for (int i = 0; i < Config::kNumStages; i++) {
            ptx::mbarrier_init(ptx::shared_address(&smem.full_barriers[i]), 1);
            ptx::mbarrier_init(ptx::shared_address(&smem.empty_barriers[i]),
                               Config::kConsumerWarps);
        }
        // Makes the barriers visible to the async proxy, which completes on them.
        ptx::fence_mbarrier_init();
    }
    __syncthreads(); // nobody waits on a barrier before it is initialised

    if (threadIdx.x >= Config::kConsumerThreads) {
        if (ptx::elect_one())
            produce<Config>(smem, &tensor_map_a, &tensor_map_b, m, n, params.num_k_blocks);
    } else {
        float accum[Config::kAccumulators] = {};
        if (params.num_k_blocks > 0)
            consume<Config>(smem, accum, params.num_k_blocks);
        store_tile<Config>(params.out, accum, m, n);
    }
}

} // namespace di::gemm
