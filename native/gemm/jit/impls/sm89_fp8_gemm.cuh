// SPDX-License-Identifier: MIT
//
// What
//   d[m, n] = sum over K blocks s of sfa[m, s] sfb[n, s] (sum over k in s of a[m, k] b[n, k]) (+
//   c[m, n]) (+ bias[n]). The inner sum is the tensor core's; every kScaleStep elements of K it is
//   promoted: one binary32 multiply-add with the product of both scales. d is rounded once.
//
// Tensors
//   a       [M, K] E4M3, E5M2, or E2M1 with two codes per byte; K-major or M-major, rows at
//   multiples of 16 bytes b       [N, K] the same scales  per operand: f32, UE8M0 bytes or packed
//   UE8M0 words; 1 x 128, 128 x 128, 1 x 32 and other blocks d, c    [M, N] f32 or bf16, N
//   contiguous; bias [N] f32 or bf16
//
// Tiling
//   One block computes 64 x 64, K in steps of 128. Four warps in two rows and two columns, 32 x 32
//   each: 2 x 4 mma of m16n8k32. Blocks are numbered along M first.
//
// Warp roles
//   All 128 threads load, multiply and store. 32 accumulators and 32 partial sums per thread.
//
// Pipeline
//   Two stages. K-major FP8 arrives by cp.async while the stage before is multiplied; MN-major and
//   E2M1 operands pass through registers, where they are transposed and expanded to E4M3.
//
// Shared memory
//   per stage: a and b 64 x 144 B each, scales 2 x 64 x 128 / kScaleStep f32
//   total 37,888 B (kScaleStep 128) to 40,960 B (32) of 99 KiB (sm_89)
//
// Schedule
//   load 0 | load i + 1, wait for i, barrier, multiply i, barrier | ... | store
//
// Bound
//   2 M N K FLOP. A block reads 2 x 64 x 128 B per 2 x 64 x 64 x 128 FLOP: 64 FLOP/B from L2, which
//   bounds it. A plain kernel for every architecture with FP8, and the yardstick of faster ones.
//
// Limits
//   sm_89 and newer. K = 0 is allowed.
//
// Sources
//   Fine-grained scaling with promotion as DeepGEMM describes it; fragment layouts from the PTX
//   ISA.
#pragma once

#include "common/ptx.cuh"
#include "gemm/jit/epilogue/output.cuh"
#include "gemm/jit/impls/fp8_tile.cuh"
#include "gemm/jit/impls/scales.cuh"

namespace di::gemm {

template <CodeKind kKindA_, CodeKind kKindB_, bool kMajorA_, bool kMajorB_, int32_t kScaleStep_>
struct Fp8GemmConfig {
    static constexpr CodeKind kKindA = kKindA_;
    static constexpr CodeKind kKindB = kKindB_;
    static constexpr bool kMajorA = kMajorA_; // true: K contiguous
    static constexpr bool kMajorB = kMajorB_;
    static constexpr int32_t kScaleStep = kScaleStep_; // elements of K per promotion
    static constexpr int32_t kScaleSteps = kTileK / kScaleStep;
    static constexpr int32_t kThreads = 128;
    static constexpr int32_t kNumStages = 2;
    static constexpr int32_t kMmaK = 32;
    static_assert(kScaleStep % kMmaK == 0 && kTileK % kScaleStep == 0,
                  "scales belong to whole mma and to whole tiles");
};

template <typename Config> struct Fp8SharedStorage {
    alignas(16) uint8_t a[Config::kNumStages][kTileBytes];
    alignas(16) uint8_t b[Config::kNumStages][kTileBytes];
    float scales_a[Config::kNumStages][Config::kScaleSteps][kTileRows];
    float scales_b[Config::kNumStages][Config::kScaleSteps][kTileRows];
};

// Host code fills this in; both sides have the same layout.
struct Fp8GemmParams {
    CodesParams a;
    CodesParams b;
    ScaleParams scales_a;
    ScaleParams scales_b;
    OutputParams out;
    int32_t num_m_blocks;
    int32_t reserved;
};

// The scales of both tiles, zeros outside: half of the threads take a row of a each, the others one
// of b.
template <typename Config>
DI_DEVICE void load_scales(Fp8SharedStorage<Config>& smem, const Fp8GemmParams& params,
                           int32_t stage_idx, int32_t m, int32_t n, int32_t k) {
    static_assert(Config::kThreads == 2 * kTileRows, "a thread per row of either tile");
    const int32_t row = threadIdx.x % kTileRows;
    const bool is_a = threadIdx.x < kTileRows;
    const ScaleParams& scales = is_a ? params.scales_a : params.scales_b;
    const int32_t mn = (is_a ? m : n) + row;
    const bool is_inside = mn < (is_a ? params.a.mn : params.b.mn);
    auto& target = is_a ? smem.scales_a[stage_idx] : smem.scales_b[stage_idx];
    for (int32_t step = 0; step < Config::kScaleSteps; step++) {
        const int32_t at = k + step * Config::kScaleStep;
        target[step][row] = is_inside && at < params.a.k ? load_scale(scales, mn, at) : 0.0f;
    }
}

template <typename Config>
DI_DEVICE void load_stage(Fp8SharedStorage<Config>& smem, const Fp8GemmParams& params,
                          int32_t stage_idx, int32_t m, int32_t n, int32_t k) {
    load_codes<Config::kKindA, Config::kMajorA, Config::kThreads>(smem.a[stage_idx], params.a, m,
                                                                  k);
    load_codes<Config::kKindB, Config::kMajorB, Config::kThreads>(smem.b[stage_idx], params.b, n,
                                                                  k);
    load_scales(smem, params, stage_idx, m, n, k);
}

// What a warp has in registers: 32 x 32 results as mma fragments.
struct Fragments {
    float at[2][4][4];
};

// The instruction for the kinds of both operands.
template <typename Config>
DI_DEVICE void multiply(float (&sum)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    constexpr bool kWideA = Config::kKindA == CodeKind::kE5M2;
    constexpr bool kWideB = Config::kKindB == CodeKind::kE5M2;
    if constexpr (kWideA && kWideB)
        ptx::mma_m16n8k32_e5m2(sum, a, b);
    else if constexpr (kWideA)
        ptx::mma_m16n8k32_e5m2_e4m3(sum, a, b);
    else if constexpr (kWideB)
        ptx::mma_m16n8k32_e4m3_e5m2(sum, a, b);
    else
        ptx::mma_m16n8k32_e4m3(sum, a, b);
}

// Adds the products of kScaleStep elements of K, without scales.
template <typename Config>
DI_DEVICE void multiply_step(Fragments& partial, uint32_t smem_a, uint32_t smem_b, int32_t column) {
    const uint32_t lane_idx = threadIdx.x % 32;
    // ldmatrix moves eight rows of 16 bytes; these are where this lane's row begins.
    const uint32_t row_a = lane_idx % 16, column_a = lane_idx / 16 * 16;
    const uint32_t row_b = lane_idx / 16 * 8 + lane_idx % 8, column_b = lane_idx / 8 % 2 * 16;
#pragma unroll
    for (int32_t k = 0; k < Config::kScaleStep; k += Config::kMmaK) {
        uint32_t a[2][4], b[2][4];
#pragma unroll
        for (int32_t i = 0; i < 2; i++) {
            ptx::ldmatrix_x4(a[i],
                             smem_a + (i * 16 + row_a) * kTileRowBytes + column + k + column_a);
            ptx::ldmatrix_x4(b[i],
                             smem_b + (i * 16 + row_b) * kTileRowBytes + column + k + column_b);
        }
#pragma unroll
        for (int32_t i = 0; i < 2; i++)
#pragma unroll
            for (int32_t j = 0; j < 4; j++) {
                const uint32_t b_fragment[2] = {b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]};
                multiply<Config>(partial.at[i][j], a[i], b_fragment);
            }
    }
}

// accum += scale of the row * scale of the column * partial.
DI_DEVICE void promote(Fragments& accum, const Fragments& partial, const float* scales_a,
                       const float* scales_b) {
    const int32_t lane_idx = threadIdx.x % 32;
#pragma unroll
    for (int32_t i = 0; i < 2; i++) {
        const float upper = scales_a[i * 16 + lane_idx / 4];
        const float lower = scales_a[i * 16 + lane_idx / 4 + 8];
#pragma unroll
        for (int32_t j = 0; j < 4; j++) {
            const float first = scales_b[j * 8 + lane_idx % 4 * 2];
            const float second = scales_b[j * 8 + lane_idx % 4 * 2 + 1];
            float(&sum)[4] = accum.at[i][j];
            const float(&part)[4] = partial.at[i][j];
            sum[0] = __fmaf_rn(upper * first, part[0], sum[0]);
            sum[1] = __fmaf_rn(upper * second, part[1], sum[1]);
            sum[2] = __fmaf_rn(lower * first, part[2], sum[2]);
            sum[3] = __fmaf_rn(lower * second, part[3], sum[3]);
        }
    }
}

template <typename Config>
__global__ void __launch_bounds__(Config::kThreads)
    sm89_fp8_gemm(const __grid_constant__ Fp8GemmParams params) {
    auto& smem = dynamic_shared<Fp8SharedStorage<Config>>();
    const int32_t m = blockIdx.x % params.num_m_blocks * kTileRows;
    const int32_t n = blockIdx.x / params.num_m_blocks * kTileRows;
    const int32_t warp_idx = threadIdx.x / 32, lane_idx = threadIdx.x % 32;
    const int32_t warp_m = warp_idx / 2 * 32, warp_n = warp_idx % 2 * 32;
    const int32_t num_k_blocks = (params.a.k + kTileK - 1) / kTileK;

    Fragments accum = {};
    if (num_k_blocks > 0)
        load_stage(smem, params, 0, m, n, 0);
    ptx::cp_async_commit();
    for (int32_t k_block_idx = 0; k_block_idx < num_k_blocks; k_block_idx++) {
        const int32_t stage_idx = k_block_idx % Config::kNumStages;
        if (k_block_idx + 1 < num_k_blocks)
            load_stage(smem, params, 1 - stage_idx, m, n, (k_block_idx + 1) * kTileK);
        // An empty group in the last round keeps the count below right.
        ptx::cp_async_commit();
        ptx::cp_async_wait<1>();
        __syncthreads(); // every thread reads what all have loaded
        const uint32_t smem_a = ptx::shared_address(smem.a[stage_idx]) + warp_m * kTileRowBytes;
        const uint32_t smem_b = ptx::shared_address(smem.b[stage_idx]) + warp_n * kTileRowBytes;
#pragma unroll
        for (int32_t step = 0; step < Config::kScaleSteps; step++) {
            Fragments partial = {};
            multiply_step<Config>(partial, smem_a, smem_b, step * Config::kScaleStep);
            promote(accum, partial, smem.scales_a[stage_idx][step] + warp_m,
                    smem.scales_b[stage_idx][step] + warp_n);
        }
        __syncthreads(); // the next round overwrites this stage
    }
#pragma unroll
    for (int32_t i = 0; i < 2; i++)
#pragma unroll
        for (int32_t j = 0; j < 4; j++) {
            const int32_t row = m + warp_m + i * 16 + lane_idx / 4;
            const int32_t column = n + warp_n + j * 8 + lane_idx % 4 * 2;
            store_pair(params.out, row, column, accum.at[i][j][0], accum.at[i][j][1]);
            store_pair(params.out, row + 8, column, accum.at[i][j][2], accum.at[i][j][3]);
        }
}

} // namespace di::gemm
