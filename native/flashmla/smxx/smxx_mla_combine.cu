// SPDX-License-Identifier: MIT
//
// What
//   Merges the partial results of requests that several parts worked on: M = max lse_i,
//   S = sum 2^(lse_i - M), G = M + log2 S, out = sum 2^(lse_i - G) out_i, lse = G. Requests with
//   one split were finished by the decode kernel and are skipped. A row without keys in any split
//   gives 0 and the lse that the caller chose.
//
// Tensors
//   accumulators [sets, S, H, 512] and [sets, S, H] f32, lse in log2 units, -inf for no key
//   out          [B, S, H, 512] bf16 or f32   lse [B, H, S] f32
//
// Tiling
//   One warp per row (request, query token, head), eight rows per block; a lane owns four columns
//   of each 128.
//
// Bound
//   Memory: 2,052 B per row and split, read once.
//
// Sources
//   Merging of softmax partial results as FlashMLA and flash decoding describe it.
#include "flashmla/smxx/mla_decode.cuh"

namespace di::flashmla {
namespace {

constexpr int kDimV = 512;

// Sum over a warp, the same in all lanes.
DI_DEVICE float warp_sum(float value) {
    for (int distance = 16; distance > 0; distance /= 2)
        value += __shfl_xor_sync(0xFFFFFFFFu, value, distance);
    return value;
}

DI_DEVICE float warp_max(float value) {
    for (int distance = 16; distance > 0; distance /= 2)
        value = fmaxf(value, __shfl_xor_sync(0xFFFFFFFFu, value, distance));
    return value;
}

} // namespace

// Grid: rows / 8 with heads first, then query tokens, then requests.
extern "C" __global__ void __launch_bounds__(256)
    di_flashmla_combine(const __grid_constant__ ResultParams params) {
    const int lane_idx = threadIdx.x % 32;
    const int64_t row = static_cast<int64_t>(blockIdx.x) * 8 + threadIdx.x / 32;
    const int64_t rows = static_cast<int64_t>(params.tokens) * params.heads;
    const int64_t request = row / rows;
    if (request >= params.batch)
        return;
    const int32_t splits = params.split_offsets[request + 1] - params.split_offsets[request];
    if (splits <= 1)
        return;
    const int64_t place = row % rows;
    const int64_t first = params.split_bases[request] * rows + place;

    float largest = negative_infinity();
    for (int i = lane_idx; i < splits; i += 32)
        largest = fmaxf(largest, params.lse_accumulator[first + i * rows]);
    largest = warp_max(largest);
    const float shift = largest == negative_infinity() ? 0.0f : largest;
    float sum = 0;
    for (int i = lane_idx; i < splits; i += 32)
        sum += exp2f(params.lse_accumulator[first + i * rows] - shift);
    sum = warp_sum(sum);
    const bool is_empty = sum == 0;
    const float lse_log2 = shift + log2f(sum);

    Quad out[kDimV / 128] = {};
    for (int i = 0; i < splits && !is_empty; i++) {
        const int64_t set_row = first + i * rows;
        const float weight = exp2f(params.lse_accumulator[set_row] - lse_log2);
        const auto* source =
            reinterpret_cast<const Quad*>(params.out_accumulator + set_row * kDimV) + lane_idx;
#pragma unroll
        for (int j = 0; j < kDimV / 128; j++) {
            const Quad part = source[j * 32];
            // A split without keys has weight 0 and values 0.
            out[j].x += weight * part.x;
            out[j].y += weight * part.y;
            out[j].z += weight * part.z;
            out[j].w += weight * part.w;
        }
    }
    const int32_t token = static_cast<int32_t>(place / params.heads);
    const int32_t head = static_cast<int32_t>(place % params.heads);
    const int64_t target = request * params.out_batch_stride + token * params.out_token_stride +
                           head * params.out_head_stride + lane_idx * 4;
#pragma unroll
    for (int j = 0; j < kDimV / 128; j++) {
        store_pair(params, target + j * 128, out[j].x, out[j].y);
        store_pair(params, target + j * 128 + 2, out[j].z, out[j].w);
    }
    if (lane_idx == 0)
        params.lse[request * params.lse_batch_stride + head * params.lse_head_stride +
                   token * params.lse_token_stride] = is_empty                  ? params.empty_lse
                                                      : params.is_base_two != 0 ? lse_log2
                                                                                : lse_log2 * kLn2;
}

} // namespace di::flashmla
