// SPDX-License-Identifier: MIT
//
// What
//   Multi-head latent attention of a few new tokens against a paged cache, absorbed form, without
//   splits. x[r, j] = scale (q[r] . k[j]), out[r] = sum_j p[r, j] v[j], p = softmax over the
//   visible j, v = the first kDimV columns of k; lse[r] = ln sum_j exp x[r, j]. Query token s of S
//   sees keys j < length - (S - 1 - s) if causal, else j < length. A row that sees nothing gives
//   out = 0 and lse = +inf.
//
// Tensors
//   q             [B, S, H, 576] bf16, innermost contiguous
//   cache         [blocks, page, H_kv, 576] bf16, innermost contiguous
//   block_table   [B, max_blocks] i32; entries behind the needed ones are not read
//   lengths       [B] i32, 0 allowed
//   out           [B, S, H, 512] bf16   lse [B, H, S] f32
//   Rows of 16-byte multiples, as the asynchronous copies need.
//
// Tiling
//   One block: 32 rows (a row is a query token and a head of one KV head) against all keys, 32 at a
//   time.
//
// Warp roles
//   Eight warps, 256 threads. Scores: warp w computes rows w / 4 * 16 and keys w % 4 * 8. Softmax:
//   eight threads per row. Output: warp w owns columns w * 64 of all rows, 64 accumulators per
//   thread.
//
// Pipeline
//   One stage: load 32 keys by cp.async, wait, scores, softmax, output, next.
//
// Shared memory
//   q 32 x 1,168 = 37,376 B | keys 32 x 1,168 = 37,376 B | scores 32 x 36 x 4 = 4,608 B | p 32 x 80
//   = 2,560 B | rows 3 x 128 B; total 82,304 B of 99 KiB (sm_86, sm_89)
//
// Schedule
//   load q | { load keys | barrier | scores | barrier | softmax | barrier | output | barrier } ...
//   | normalise, store
//
// Bound
//   2 x 32 x (576 + 512) FLOP per key of 1,152 B: 60 FLOP/B, so memory-bound only if few blocks
//   share a request. A plain kernel for every architecture from sm_80 on, and the yardstick of
//   faster ones.
//
// Limits
//   kDimQk 576, kDimV 512, bf16. Keys that a row must not see take no part, but a NaN in a key that
//   another row of the tile sees reaches 0 x NaN; keys behind the length are never read.
//
// Sources
//   Absorbed MLA as FlashMLA and DeepSeek-V2 describe it; online softmax; fragment layouts from the
//   PTX ISA.
#pragma once

#include "common/ptx.cuh"

namespace di::flashmla {

struct MlaDecodeConfig {
    static constexpr int kDimQk = 576;
    static constexpr int kDimV = 512;
    static constexpr int kBlockM = 32;
    static constexpr int kBlockN = 32;
    static constexpr int kThreads = 256;
    static constexpr int kWarps = kThreads / 32;
    static constexpr int kRowBytes = kDimQk * 2 + 16; // 16 more: ldmatrix without bank conflicts
    static constexpr int kScoreStride = kBlockN + 4;  // floats
    static constexpr int kProbabilityBytes = kBlockN * 2 + 16;
    static constexpr int kWarpColumns = kDimV / kWarps;
    static constexpr int kRowThreads = kThreads / kBlockM; // of the softmax
    static_assert(kBlockM / 16 * (kBlockN / 8) == kWarps, "one tile of scores per warp");
    static_assert(kWarpColumns % 16 == 0 && kDimQk % 16 == 0 && kBlockN % 16 == 0);
};

struct MlaDecodeStorage {
    using C = MlaDecodeConfig;
    alignas(16) unsigned char q[C::kBlockM][C::kRowBytes];
    alignas(16) unsigned char keys[C::kBlockN][C::kRowBytes];
    alignas(16) unsigned char probabilities[C::kBlockM][C::kProbabilityBytes];
    float scores[C::kBlockM][C::kScoreStride];
    float rescale[C::kBlockM];
    float row_sum[C::kBlockM];
};

// Host code fills this in; both sides have the same layout. Strides are in elements.
struct MlaDecodeParams {
    const uint16_t* q;
    const uint16_t* cache;
    const int32_t* block_table;
    const int32_t* lengths;
    uint16_t* out;
    float* lse;
    int64_t q_batch_stride, q_token_stride, q_head_stride;
    int64_t cache_block_stride, cache_token_stride, cache_head_stride;
    int64_t table_stride;
    int64_t out_batch_stride, out_token_stride, out_head_stride;
    int64_t lse_batch_stride, lse_head_stride;
    int32_t tokens;      // new tokens per request
    int32_t group_heads; // query heads per KV head
    int32_t page;        // tokens per block
    int32_t causal;
    float scale;
    int32_t reserved;
};

// A row of the tile: which query token and which head of the group; false behind the last one.
struct RowPlace {
    int32_t token, head;
    bool exists;
};

DI_DEVICE RowPlace place_of(const MlaDecodeParams& params, int32_t row) {
    const int32_t token = row / params.group_heads;
    return {token, row - token * params.group_heads, token < params.tokens};
}

// Keys that a query token sees.
DI_DEVICE int32_t visible_keys(const MlaDecodeParams& params, int32_t length, int32_t token) {
    const int32_t visible = params.causal != 0 ? length - (params.tokens - 1 - token) : length;
    return visible > 0 ? visible : 0;
}

DI_DEVICE void load_queries(MlaDecodeStorage& smem, const MlaDecodeParams& params, int32_t batch,
                            int32_t kv_head, int32_t first_row) {
    using C = MlaDecodeConfig;
    constexpr int kChunks = C::kDimQk / 8;
    for (int i = threadIdx.x; i < C::kBlockM * kChunks; i += C::kThreads) {
        const int row = i / kChunks, chunk = i % kChunks;
        const RowPlace place = place_of(params, first_row + row);
        const uint16_t* source = params.q;
        if (place.exists)
            source += batch * params.q_batch_stride + place.token * params.q_token_stride +
                      (kv_head * params.group_heads + place.head) * params.q_head_stride +
                      chunk * 8;
        ptx::cp_async_16(ptx::shared_address(&smem.q[row][chunk * 16]), source,
                         place.exists ? 16 : 0);
    }
}

// Keys behind the length become zeros: neither the table nor the cache is read for them.
DI_DEVICE void load_keys(MlaDecodeStorage& smem, const MlaDecodeParams& params, int32_t batch,
                         int32_t kv_head, int32_t first_key, int32_t length) {
    using C = MlaDecodeConfig;
    constexpr int kChunks = C::kDimQk / 8;
    for (int i = threadIdx.x; i < C::kBlockN * kChunks; i += C::kThreads) {
        const int row = i / kChunks, chunk = i % kChunks;
        const int32_t key = first_key + row;
        const uint16_t* source = params.cache;
        if (key < length) {
            const int32_t block_idx = key / params.page;
            const int64_t block = params.block_table[batch * params.table_stride + block_idx];
            source += block * params.cache_block_stride +
                      (key - block_idx * params.page) * params.cache_token_stride +
                      kv_head * params.cache_head_stride + chunk * 8;
        }
        ptx::cp_async_16(ptx::shared_address(&smem.keys[row][chunk * 16]), source,
                         key < length ? 16 : 0);
    }
}

// One tile of 16 rows and 8 keys per warp.
DI_DEVICE void compute_scores(MlaDecodeStorage& smem) {
    using C = MlaDecodeConfig;
    const int lane_idx = threadIdx.x % 32, warp_idx = threadIdx.x / 32;
    const int row = warp_idx / 4 * 16, key = warp_idx % 4 * 8;
    const uint32_t smem_q = ptx::shared_address(&smem.q[row + lane_idx % 16][lane_idx / 16 * 16]);
    const uint32_t smem_k = ptx::shared_address(&smem.keys[key + lane_idx % 8][lane_idx / 8 * 16]);
    float scores[4] = {};
#pragma unroll 4
    for (int k = 0; k < C::kDimQk; k += 32) {
        uint32_t a[2][4], b[4]; // b: 8 keys times 32 columns
        ptx::ldmatrix_x4(a[0], smem_q + k * 2);
        ptx::ldmatrix_x4(a[1], smem_q + k * 2 + 32);
        ptx::ldmatrix_x4(b, smem_k + k * 2);
        const uint32_t first[2] = {b[0], b[1]}, second[2] = {b[2], b[3]};
        ptx::mma_m16n8k16_bf16(scores, a[0], first);
        ptx::mma_m16n8k16_bf16(scores, a[1], second);
    }
    const int column = key + lane_idx % 4 * 2;
    smem.scores[row + lane_idx / 4][column] = scores[0];
    smem.scores[row + lane_idx / 4][column + 1] = scores[1];
    smem.scores[row + lane_idx / 4 + 8][column] = scores[2];
    smem.scores[row + lane_idx / 4 + 8][column + 1] = scores[3];
}

DI_DEVICE uint32_t round_to_bfloat16(float value) {
    const uint32_t bits = __float_as_uint(value);
    if ((bits & 0x7FFFFFFF) > 0x7F800000)
        return (bits >> 16) | 0x40;
    return (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
}

constexpr float kLog2E = 1.4426950408889634f;
constexpr float kLn2 = 0.6931471805599453f;

// Maximum and sum of one row so far; the same in its eight threads.
struct RowState {
    float max;
    float sum;
};

// Turns the scores of a tile into probabilities relative to the new maximum, and says by how much
// older results shrink.
DI_DEVICE void update_softmax(MlaDecodeStorage& smem, RowState& state, int32_t first_key,
                              int32_t visible, float scale_log2) {
    using C = MlaDecodeConfig;
    constexpr int kKeys = C::kBlockN / C::kRowThreads;
    const float kNegativeInfinity = __int_as_float(0xFF800000);
    const int row = threadIdx.x / C::kRowThreads, part = threadIdx.x % C::kRowThreads * kKeys;
    float x[kKeys], largest = kNegativeInfinity;
#pragma unroll
    for (int i = 0; i < kKeys; i++) {
        // Selection, not addition: whatever a hidden score is, it does not enter.
        x[i] = first_key + part + i < visible ? smem.scores[row][part + i] * scale_log2
                                              : kNegativeInfinity;
        largest = fmaxf(largest, x[i]);
    }
#pragma unroll
    for (int distance = C::kRowThreads / 2; distance > 0; distance /= 2)
        largest = fmaxf(largest, __shfl_xor_sync(0xFFFFFFFFu, largest, distance));
    const float new_max = fmaxf(state.max, largest);
    const bool is_empty = new_max == kNegativeInfinity;
    const float factor = is_empty ? 1.0f : exp2f(state.max - new_max);
    float sum = 0;
    uint32_t codes[kKeys];
#pragma unroll
    for (int i = 0; i < kKeys; i++) {
        const float p = is_empty ? 0.0f : exp2f(x[i] - new_max);
        sum += p;
        codes[i] = round_to_bfloat16(p);
    }
#pragma unroll
    for (int distance = C::kRowThreads / 2; distance > 0; distance /= 2)
        sum += __shfl_xor_sync(0xFFFFFFFFu, sum, distance);
    state.sum = state.sum * factor + sum;
    state.max = new_max;
    auto* target = reinterpret_cast<uint32_t*>(&smem.probabilities[row][part * 2]);
#pragma unroll
    for (int i = 0; i < kKeys / 2; i++)
        target[i] = codes[2 * i] | codes[2 * i + 1] << 16;
    if (part == 0)
        smem.rescale[row] = factor;
}

// 32 rows and 64 columns per warp.
struct OutputTile {
    float at[2][MlaDecodeConfig::kWarpColumns / 8][4];
};

DI_DEVICE void accumulate_output(MlaDecodeStorage& smem, OutputTile& out) {
    using C = MlaDecodeConfig;
    const int lane_idx = threadIdx.x % 32, warp_idx = threadIdx.x / 32;
    const int first_column = warp_idx * C::kWarpColumns;
#pragma unroll
    for (int i = 0; i < 2; i++) {
        const float upper = smem.rescale[i * 16 + lane_idx / 4];
        const float lower = smem.rescale[i * 16 + lane_idx / 4 + 8];
#pragma unroll
        for (auto& tile : out.at[i]) {
            tile[0] *= upper;
            tile[1] *= upper;
            tile[2] *= lower;
            tile[3] *= lower;
        }
    }
#pragma unroll
    for (int k = 0; k < C::kBlockN; k += 16) {
        uint32_t p[2][4];
#pragma unroll
        for (int i = 0; i < 2; i++)
            ptx::ldmatrix_x4(
                p[i], ptx::shared_address(
                          &smem.probabilities[i * 16 + lane_idx % 16][k * 2 + lane_idx / 16 * 16]));
#pragma unroll
        for (int j = 0; j < C::kWarpColumns / 16; j++) {
            // Two squares of 16 keys and 8 columns, transposed on the way.
            uint32_t v[4];
            ptx::ldmatrix_x4_trans(
                v, ptx::shared_address(&smem.keys[k + lane_idx % 16][(first_column + j * 16) * 2 +
                                                                     lane_idx / 16 * 16]));
            const uint32_t first[2] = {v[0], v[1]}, second[2] = {v[2], v[3]};
#pragma unroll
            for (int i = 0; i < 2; i++) {
                ptx::mma_m16n8k16_bf16(out.at[i][j * 2], p[i], first);
                ptx::mma_m16n8k16_bf16(out.at[i][j * 2 + 1], p[i], second);
            }
        }
    }
}

// A row's eight threads store its log-sum-exp and share its sum with the threads that hold its
// output.
DI_DEVICE void finish_rows(MlaDecodeStorage& smem, const MlaDecodeParams& params,
                           const RowState& state, const RowPlace& place, int32_t batch,
                           int32_t kv_head) {
    using C = MlaDecodeConfig;
    if (threadIdx.x % C::kRowThreads != 0)
        return;
    smem.row_sum[threadIdx.x / C::kRowThreads] = state.sum;
    if (!place.exists)
        return;
    const int32_t head = kv_head * params.group_heads + place.head;
    params.lse[batch * params.lse_batch_stride + head * params.lse_head_stride + place.token] =
        state.sum == 0 ? __int_as_float(0x7F800000) : state.max * kLn2 + logf(state.sum);
}

DI_DEVICE void store_output(const MlaDecodeStorage& smem, const MlaDecodeParams& params,
                            const OutputTile& out, int32_t batch, int32_t kv_head,
                            int32_t first_row) {
    using C = MlaDecodeConfig;
    const int lane_idx = threadIdx.x % 32, warp_idx = threadIdx.x / 32;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const int row = i * 8 + lane_idx / 4;
        const RowPlace place = place_of(params, first_row + row);
        if (!place.exists)
            continue;
        const float sum = smem.row_sum[row];
        const float factor = sum == 0 ? 0.0f : 1.0f / sum;
        uint16_t* target = params.out + batch * params.out_batch_stride +
                           place.token * params.out_token_stride +
                           (kv_head * params.group_heads + place.head) * params.out_head_stride +
                           warp_idx * C::kWarpColumns + lane_idx % 4 * 2;
#pragma unroll
        for (int j = 0; j < C::kWarpColumns / 8; j++) {
            const float first = out.at[i / 2][j][i % 2 * 2] * factor;
            const float second = out.at[i / 2][j][i % 2 * 2 + 1] * factor;
            *reinterpret_cast<uint32_t*>(target + j * 8) =
                round_to_bfloat16(first) | round_to_bfloat16(second) << 16;
        }
    }
}

extern "C" __global__ void __launch_bounds__(MlaDecodeConfig::kThreads)
    di_flashmla_bf16_decode(const __grid_constant__ MlaDecodeParams params) {
    using C = MlaDecodeConfig;
    auto& smem = dynamic_shared<MlaDecodeStorage>();
    const int32_t first_row = blockIdx.x * C::kBlockM;
    const int32_t kv_head = blockIdx.y, batch = blockIdx.z;
    const int32_t length = params.lengths[batch];
    const RowPlace place = place_of(params, first_row + threadIdx.x / C::kRowThreads);
    const int32_t visible = place.exists ? visible_keys(params, length, place.token) : 0;

    RowState state{__int_as_float(0xFF800000), 0.0f};
    OutputTile out = {};
    // They arrive with the first keys; a request without keys needs none.
    if (length > 0)
        load_queries(smem, params, batch, kv_head, first_row);
    for (int32_t first_key = 0; first_key < length; first_key += C::kBlockN) {
        load_keys(smem, params, batch, kv_head, first_key, length);
        ptx::cp_async_commit();
        ptx::cp_async_wait<0>();
        __syncthreads(); // all read what each has loaded
        compute_scores(smem);
        __syncthreads(); // a row's threads read scores of several warps
        update_softmax(smem, state, first_key, visible, params.scale * kLog2E);
        __syncthreads(); // every warp reads all probabilities and factors
        accumulate_output(smem, out);
        __syncthreads(); // the next keys overwrite these
    }
    finish_rows(smem, params, state, place, batch, kv_head);
    __syncthreads(); // sums of rows are read by other threads
    store_output(smem, params, out, batch, kv_head, first_row);
}

} // namespace di::flashmla
