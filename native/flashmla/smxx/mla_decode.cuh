// SPDX-License-Identifier: MIT
//
// What
//   Multi-head latent attention of a few new tokens against a paged cache, absorbed form. x[r, j] =
//   scale (q[r] . k[j]), out[r] = sum_j p[r, j] v[j], p = softmax over the visible j, v = the first
//   512 columns of k; lse[r] = log sum_j exp x[r, j]. Query token s of S sees keys
//   j < length - (S - 1 - s) if causal, else j < length. A row that sees nothing gives out = 0 and
//   the lse that the caller chose. The keys of a request may be split over several parts of the
//   schedule; their partial results are merged by mla_combine.
//
// Tensors
//   q             [B, S, H, D] bf16, D 576 or 512, innermost contiguous
//   cache         [blocks, page, H_kv, D] bf16; or 656 bytes per token (512 e4m3, 4 float32 scales,
//                 64 bf16); or blocks of page x 576 bytes (448 e4m3, 64 bf16) and page x 8 scale
//                 bytes (7 e8m0 and one of padding)
//   block_table   [B, max_blocks] i32; entries behind the needed ones are not read
//   lengths       [B] i32, 0 allowed
//   parts         [P] records of 8 i32
//   out           [B, S, H, 512] bf16 or f32   lse [B, H, S] f32
//   accumulators  [sets, S, H, 512] and [sets, S, H] f32
//   Rows of 16-byte multiples, as the asynchronous copies need.
//
// Tiling
//   One block: a part of the schedule, one KV head, 32 rows (a row is a query token and a head of
//   the KV head), 32 keys at a time.
//
// Warp roles
//   Eight warps, 256 threads. Scores: warp w computes rows w / 4 * 16 and keys w % 4 * 8. Softmax:
//   eight threads per row. Output: warp w owns columns w * 64 of all rows, 64 accumulators per
//   thread.
//
// Pipeline
//   bf16: one or two stages of 32 keys by cp.async; with two, a tile is loaded while the one before
//   it is computed. Quantised: tokens arrive as they are stored while the tile before is computed,
//   and are turned into bf16 in shared memory.
//
// Shared memory
//   q 32 x 1,168 = 37,376 B | keys stages x 32 x 1,168 = 37,376 B each | stored tokens 32 x 656 =
//   20,992 B (quantised only) | scores 32 x 36 x 4 = 4,608 B | rows 2 x 128 B; total 79,632 B,
//   117,008 B with two stages, 100,608 B quantised, of 99 KiB = 101,376 B on sm_86 and sm_89
//
// Schedule
//   for each request of the part: load q | { load keys | barrier | scores | barrier | softmax |
//   barrier | output | barrier } ... | normalise, store
//
// Bound
//   2 x 32 x (576 + 512) FLOP per key of 1,152 B: 60 FLOP/B, so memory-bound only if few blocks
//   share a request. A plain kernel for every architecture from sm_80 on, and the yardstick of
//   faster ones.
//
// Limits
//   Two dimensions (576 and 512 columns), values of 512.
//
// Sources
//   Absorbed MLA and its split-KV schedule as FlashMLA and DeepSeek-V2 describe them; online
//   softmax; fragment layouts from the PTX ISA.
#pragma once

#include "flashmla/smxx/mla_decode_keys.cuh"

namespace di::flashmla {

constexpr float kLog2E = 1.4426950408889634f;
constexpr float kLn2 = 0.6931471805599453f;

// Moved at once.
struct alignas(8) Pair {
    float x, y;
};
struct alignas(16) Quad {
    float x, y, z, w;
};

DI_DEVICE float negative_infinity() { return __uint_as_float(0xFF800000); }

template <typename C> using KeyTile = unsigned char (&)[C::kBlockN][C::kRowBytes];

// One tile of 16 rows and 8 keys per warp.
template <typename C> DI_DEVICE void compute_scores(MlaDecodeStorage<C>& smem, KeyTile<C> keys) {
    const int lane_idx = threadIdx.x % 32, warp_idx = threadIdx.x / 32;
    const int row = warp_idx / 4 * 16, key = warp_idx % 4 * 8;
    const uint32_t smem_q = ptx::shared_address(&smem.q[row + lane_idx % 16][lane_idx / 16 * 16]);
    const uint32_t smem_k = ptx::shared_address(&keys[key + lane_idx % 8][lane_idx / 8 * 16]);
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

// Maximum (of logits times log2 e) and sum of one row so far; the same in its eight threads.
struct RowState {
    float max;
    float sum;
};

// Turns the scores of a tile into probabilities relative to the new maximum, and says by how much
// older results shrink.
template <typename C>
DI_DEVICE void update_softmax(MlaDecodeStorage<C>& smem, RowState& state, int32_t first_key,
                              int32_t end_key, float scale_log2) {
    constexpr int kKeys = C::kBlockN / C::kRowThreads;
    const int row = threadIdx.x / C::kRowThreads, part = threadIdx.x % C::kRowThreads * kKeys;
    float x[kKeys], largest = negative_infinity();
#pragma unroll
    for (int i = 0; i < kKeys; i++) {
        // Selection, not addition: whatever a hidden score is, it does not enter.
        x[i] = first_key + part + i < end_key ? smem.scores[row][part + i] * scale_log2
                                              : negative_infinity();
        largest = fmaxf(largest, x[i]);
    }
#pragma unroll
    for (int distance = C::kRowThreads / 2; distance > 0; distance /= 2)
        largest = fmaxf(largest, __shfl_xor_sync(0xFFFFFFFFu, largest, distance));
    const float new_max = fmaxf(state.max, largest);
    // The maximum ignores NaN, the sum must not: a row of nothing but NaN is not an empty row.
    const float shift = new_max == negative_infinity() ? 0.0f : new_max;
    const float factor = exp2f(state.max - shift);
    float sum = 0;
    uint32_t codes[kKeys];
#pragma unroll
    for (int i = 0; i < kKeys; i++) {
        const float p = exp2f(x[i] - shift);
        sum += p;
        codes[i] = round_to_bf16(p);
    }
#pragma unroll
    for (int distance = C::kRowThreads / 2; distance > 0; distance /= 2)
        sum += __shfl_xor_sync(0xFFFFFFFFu, sum, distance);
    state.sum = state.sum * factor + sum;
    state.max = new_max;
    __syncwarp(); // all threads of a row have read their scores before others overwrite them
    auto* target = reinterpret_cast<uint32_t*>(smem.scores[row]) + part / 2;
#pragma unroll
    for (int i = 0; i < kKeys / 2; i++)
        target[i] = codes[2 * i] | codes[2 * i + 1] << 16;
    if (part == 0)
        smem.rescale[row] = factor;
}

// 32 rows and 64 columns per warp.
template <typename C> struct OutputTile { float at[2][C::kWarpColumns / 8][4]; };

template <typename C>
DI_DEVICE void rescale_output(const MlaDecodeStorage<C>& smem, OutputTile<C>& out) {
    const int lane_idx = threadIdx.x % 32;
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
}

// Adds probabilities times values to the rows that `takes` names: bit 2 i for the upper and
// 2 i + 1 for the lower row of a lane in tile i. With kAllRows to all.
template <typename C, bool kAllRows>
DI_DEVICE void accumulate_output(const MlaDecodeStorage<C>& smem, KeyTile<C> keys,
                                 OutputTile<C>& out, uint32_t takes) {
    const int lane_idx = threadIdx.x % 32, warp_idx = threadIdx.x / 32;
    const int first_column = warp_idx * C::kWarpColumns;
#pragma unroll
    for (int k = 0; k < C::kBlockN; k += 16) {
        uint32_t p[2][4];
#pragma unroll
        for (int i = 0; i < 2; i++)
            ptx::ldmatrix_x4(p[i],
                             ptx::shared_address(
                                 &smem.scores[i * 16 + lane_idx % 16][k / 2 + lane_idx / 16 * 4]));
#pragma unroll
        for (int j = 0; j < C::kWarpColumns / 16; j++) {
            // Two squares of 16 keys and 8 columns, transposed on the way.
            uint32_t v[4];
            ptx::ldmatrix_x4_trans(
                v, ptx::shared_address(
                       &keys[k + lane_idx % 16][(first_column + j * 16) * 2 + lane_idx / 16 * 16]));
#pragma unroll
            for (int half = 0; half < 2; half++) {
                const uint32_t values[2] = {v[2 * half], v[2 * half + 1]};
#pragma unroll
                for (int i = 0; i < 2; i++) {
                    float(&tile)[4] = out.at[i][j * 2 + half];
                    if constexpr (kAllRows) {
                        ptx::mma_m16n8k16_bf16(tile, p[i], values);
                    } else {
                        float sum[4] = {tile[0], tile[1], tile[2], tile[3]};
                        ptx::mma_m16n8k16_bf16(sum, p[i], values);
#pragma unroll
                        for (int e = 0; e < 4; e++)
                            tile[e] = (takes >> (2 * i + e / 2) & 1) != 0 ? sum[e] : tile[e];
                    }
                }
            }
        }
    }
}

// The tile holds keys that the last query token of the block sees and an earlier one does not. A
// probability of zero does not hide a value that is NaN, so each token is multiplied by itself,
// after what it does not see was overwritten with zeros; later tokens first, as they see more.
template <typename C>
DI_DEVICE void accumulate_by_token(MlaDecodeStorage<C>& smem, KeyTile<C> keys, OutputTile<C>& out,
                                   const MlaDecodeParams& params, const RequestWork& work,
                                   int32_t first_key) {
    constexpr int kChunks = C::kDimV / 8;
    const int lane_idx = threadIdx.x % 32;
    int32_t tokens[4];
#pragma unroll
    for (int i = 0; i < 4; i++)
        tokens[i] = place_of(params, work.first_row + i * 8 + lane_idx / 4).token;
    const int32_t first_token = place_of(params, work.first_row).token;
    int32_t token = place_of(params, work.first_row + C::kBlockM - 1).token;
    if (token > params.result.tokens - 1)
        token = params.result.tokens - 1;
    int32_t end = C::kBlockN;
    for (; token >= first_token; token--) {
        int32_t visible = visible_keys(params, work.length, token) - first_key;
        visible = visible < 0 ? 0 : visible < end ? visible : end;
        for (int i = threadIdx.x; i < (end - visible) * kChunks; i += C::kThreads) {
            auto* const value =
                reinterpret_cast<uint32_t*>(&keys[visible + i / kChunks][i % kChunks * 16]);
            for (int word = 0; word < 4; word++)
                value[word] = 0;
        }
        end = visible;
        __syncthreads(); // all read the zeros
        uint32_t takes = 0;
#pragma unroll
        for (int i = 0; i < 4; i++)
            takes |= (tokens[i] == token ? 1u : 0u) << i;
        accumulate_output<C, false>(smem, keys, out, takes);
        __syncthreads(); // the next token overwrites more
    }
}

// A row's eight threads store its log-sum-exp and share its sum with the threads that hold its
// output.
template <typename C>
DI_DEVICE void finish_rows(MlaDecodeStorage<C>& smem, const MlaDecodeParams& params,
                           const RowState& state, const RequestWork& work) {
    if (threadIdx.x % C::kRowThreads != 0)
        return;
    const int row = threadIdx.x / C::kRowThreads;
    smem.row_sum[row] = state.sum;
    const RowPlace place = place_of(params, work.first_row + row);
    if (!place.exists)
        return;
    const ResultParams& result = params.result;
    const int32_t head = work.kv_head * params.group_heads + place.head;
    const bool is_empty = state.sum == 0;
    if (work.split >= 0) {
        const int64_t set = result.split_bases[work.request] + work.split;
        result.lse_accumulator[(set * result.tokens + place.token) * result.heads + head] =
            is_empty ? negative_infinity() : state.max + log2f(state.sum);
        return;
    }
    float lse = result.empty_lse;
    if (!is_empty)
        lse = result.is_base_two != 0 ? state.max + log2f(state.sum)
                                      : state.max * kLn2 + logf(state.sum);
    result.lse[work.request * result.lse_batch_stride + head * result.lse_head_stride +
               place.token * result.lse_token_stride] = lse;
}

DI_DEVICE void store_pair(const ResultParams& result, int64_t offset, float first, float second) {
    if (result.is_float32 != 0)
        *reinterpret_cast<Pair*>(static_cast<float*>(result.out) + offset) = Pair{first, second};
    else
        *reinterpret_cast<uint32_t*>(static_cast<uint16_t*>(result.out) + offset) =
            pack_bf16(first, second);
}

template <typename C>
DI_DEVICE void store_output(const MlaDecodeStorage<C>& smem, const MlaDecodeParams& params,
                            const OutputTile<C>& out, const RequestWork& work) {
    const ResultParams& result = params.result;
    const int lane_idx = threadIdx.x % 32, warp_idx = threadIdx.x / 32;
    const int first_column = warp_idx * C::kWarpColumns + lane_idx % 4 * 2;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const int row = i * 8 + lane_idx / 4;
        const RowPlace place = place_of(params, work.first_row + row);
        if (!place.exists)
            continue;
        const float sum = smem.row_sum[row];
        const float factor = sum == 0 ? 0.0f : 1.0f / sum;
        const int32_t head = work.kv_head * params.group_heads + place.head;
        float* accumulator = nullptr;
        int64_t offset = 0;
        if (work.split >= 0) {
            const int64_t set = result.split_bases[work.request] + work.split;
            accumulator = result.out_accumulator +
                          ((set * result.tokens + place.token) * result.heads + head) * C::kDimV +
                          first_column;
        } else {
            offset = work.request * result.out_batch_stride +
                     place.token * result.out_token_stride + head * result.out_head_stride +
                     first_column;
        }
#pragma unroll
        for (int j = 0; j < C::kWarpColumns / 8; j++) {
            const float first = out.at[i / 2][j][i % 2 * 2] * factor;
            const float second = out.at[i / 2][j][i % 2 * 2 + 1] * factor;
            if (accumulator != nullptr)
                *reinterpret_cast<Pair*>(accumulator + j * 8) = Pair{first, second};
            else
                store_pair(result, offset + j * 8, first, second);
        }
    }
}

// Fetches the tile of a stage; commits a group even if there is nothing to fetch, so that waiting
// counts tiles.
template <typename C>
DI_DEVICE void fetch_tile(MlaDecodeStorage<C>& smem, const MlaDecodeParams& params,
                          const RequestWork& work, int32_t first_key, int stage) {
    if (first_key < work.end_key) {
        if constexpr (C::kIsQuantized)
            load_stored_keys<C>(smem.stored, params, work, first_key);
        else
            load_bf16_keys<C>(smem.keys[stage], params, work, first_key);
    }
    ptx::cp_async_commit();
}

template <typename C>
DI_DEVICE void decode_request(MlaDecodeStorage<C>& smem, const MlaDecodeParams& params,
                              const RequestWork& work) {
    const RowPlace place = place_of(params, work.first_row + threadIdx.x / C::kRowThreads);
    int32_t row_end = place.exists ? visible_keys(params, work.length, place.token) : 0;
    row_end = row_end < work.end_key ? row_end : work.end_key;
    // Keys before this one are seen by all rows of the tile.
    const int32_t common_end =
        visible_keys(params, work.length, place_of(params, work.first_row).token);

    RowState state{negative_infinity(), 0.0f};
    OutputTile<C> out = {};
    if (work.begin_key < work.end_key) {
        load_queries(smem, params, work);
        fetch_tile(smem, params, work, work.begin_key, 0);
    }
    int stage = 0;
    for (int32_t first_key = work.begin_key; first_key < work.end_key; first_key += C::kBlockN) {
        if constexpr (C::kStages == 2) {
            fetch_tile(smem, params, work, first_key + C::kBlockN, 1 - stage);
            ptx::cp_async_wait<1>();
        } else {
            ptx::cp_async_wait<0>();
        }
        __syncthreads(); // all read what each has loaded
        KeyTile<C> keys = smem.keys[stage];
        if constexpr (C::kIsQuantized) {
            dequantize_keys<C>(keys, smem.stored, work.end_key - first_key);
            __syncthreads(); // keys are read, and what was stored is overwritten
            fetch_tile(smem, params, work, first_key + C::kBlockN, 0);
        }
        compute_scores(smem, keys);
        __syncthreads(); // a row's threads read scores of several warps
        update_softmax(smem, state, first_key, row_end, params.scale * kLog2E);
        __syncthreads(); // every warp reads all probabilities and factors
        rescale_output(smem, out);
        if (first_key + C::kBlockN <= common_end || work.end_key <= common_end)
            accumulate_output<C, true>(smem, keys, out, 0);
        else
            accumulate_by_token(smem, keys, out, params, work, first_key);
        __syncthreads(); // the next keys and scores overwrite these
        if constexpr (C::kStages == 2)
            stage = 1 - stage;
        else if constexpr (!C::kIsQuantized)
            fetch_tile(smem, params, work, first_key + C::kBlockN, 0);
    }
    finish_rows(smem, params, state, work);
    __syncthreads(); // sums of rows are read by other threads
    store_output(smem, params, out, work);
    __syncthreads(); // the next request overwrites them
}

// Grid: row tiles x KV heads x parts, row tiles first.
template <typename C> DI_DEVICE void decode_part(const MlaDecodeParams& params) {
    auto& smem = dynamic_shared<MlaDecodeStorage<C>>();
    RequestWork work;
    work.first_row = blockIdx.x % params.row_tiles * C::kBlockM;
    const uint32_t tile = blockIdx.x / params.row_tiles;
    work.kv_head = tile % params.kv_heads;
    const Part part = params.parts[tile / params.kv_heads];
    const int64_t capacity = static_cast<int64_t>(params.table_columns) * params.page;
    int32_t last_token = (work.first_row + C::kBlockM - 1) / params.group_heads;
    if (last_token > params.result.tokens - 1)
        last_token = params.result.tokens - 1;

    const int32_t begin = part.begin_request, end = part.end_request;
    for (work.request = begin; work.request <= end && work.request < params.result.batch;
         work.request++) {
        const bool is_first = work.request == begin, is_last = work.request == end;
        work.length = params.lengths[work.request];
        if (work.length > capacity)
            work.length = static_cast<int32_t>(capacity);
        work.begin_key = is_first ? part.begin_block * kScheduleBlock : 0;
        work.end_key = visible_keys(params, work.length, last_token);
        if (is_last && work.end_key > part.end_block * kScheduleBlock)
            work.end_key = part.end_block * kScheduleBlock;
        const bool is_split =
            (is_first && part.first_is_split != 0) || (is_last && part.last_is_split != 0);
        work.split = !is_split ? -1 : is_first ? part.begin_split : 0;
        decode_request(smem, params, work);
    }
}

} // namespace di::flashmla
