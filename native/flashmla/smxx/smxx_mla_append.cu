// SPDX-License-Identifier: MIT
//
// What
//   Stores new tokens in a paged cache. Plain caches take bf16; quantised ones a scale per tile of
//   128 or 64 columns and E4M3 codes, and the last 64 columns as bf16. Bit-equal to the managed
//   quantiser for finite values and NaN; infinite values saturate.
//
// Tensors
//   slots [T] i32   latent [T, H_kv, L], rotary [T, H_kv, D - L] bf16 or f32   cache: see
//   mla_decode
//
// Tiling
//   One warp per token and KV head; a lane owns neighbouring columns of each tile, four of 128 or
//   two of 64.
//
// Bound
//   Memory: 1,152 B (bf16) or 2,304 B (f32) read and up to 1,152 B written per token.
//
// Limits
//   Slots outside the cache are skipped. Two tokens with one slot leave either's values, or a
//   mixture.
//
// Sources
//   The cache formats of FlashMLA; conversions from core/kernels.
#include "common/ptx.cuh"
#include "core/kernels/numbers.cuh"
#include "flashmla/smxx/params.h"

namespace di::flashmla {
namespace {

DI_DEVICE float load_value(const void* data, int is_float32, int64_t index) {
    return is_float32 != 0 ? static_cast<const float*>(data)[index]
                           : core::decode_bfloat16(static_cast<const uint16_t*>(data)[index]);
}

// bf16 values move bit for bit.
DI_DEVICE uint16_t load_bf16(const void* data, int is_float32, int64_t index) {
    return is_float32 != 0 ? core::encode_bfloat16(static_cast<const float*>(data)[index])
                           : static_cast<const uint16_t*>(data)[index];
}

DI_DEVICE void copy_columns(unsigned char* target, const void* source, int is_float32,
                            int64_t first, int count) {
    auto* const out = reinterpret_cast<uint16_t*>(target);
    for (int i = threadIdx.x % 32; i < count; i += 32)
        out[i] = load_bf16(source, is_float32, first + i);
}

// The scale of a tile from the bits of its largest magnitude, NaN if any is NaN.
DI_DEVICE float scale_of_tile(uint32_t magnitude, int is_power_of_two) {
    constexpr uint32_t kLargestFinite = 0x7F7FFFFF;
    if (magnitude > core::kInfinity)
        return __uint_as_float(core::kQuietNaN | 0x80000000); // the bits of .NET's NaN
    const float amax = __uint_as_float(magnitude < kLargestFinite ? magnitude : kLargestFinite);
    if (is_power_of_two == 0)
        return fmaxf(amax / 448.0f, 1e-12f);
    const uint32_t bits = __float_as_uint(fmaxf(amax / 448.0f, 1e-4f));
    return __uint_as_float(((bits >> 23) + ((bits & 0x7FFFFF) != 0 ? 1 : 0)) << 23);
}

// Codes of one tile and its scale; kColumns per lane.
template <int kColumns>
DI_DEVICE float store_tile(unsigned char* codes, const AppendParams& params, int64_t first) {
    const int lane_idx = threadIdx.x % 32;
    float x[kColumns];
    uint32_t magnitude = 0;
#pragma unroll
    for (int i = 0; i < kColumns; i++) {
        x[i] = load_value(params.latent, params.is_float32, first + lane_idx * kColumns + i);
        const uint32_t bits = __float_as_uint(x[i]) & core::kMagnitudeMask;
        magnitude = bits > magnitude ? bits : magnitude;
    }
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) {
        const uint32_t other = __shfl_xor_sync(0xFFFFFFFFu, magnitude, distance);
        magnitude = other > magnitude ? other : magnitude;
    }
    const float scale = scale_of_tile(magnitude, params.is_power_of_two);
#pragma unroll
    for (int i = 0; i < kColumns; i++)
        codes[lane_idx * kColumns + i] = core::encode_e4m3(x[i] / scale, true);
    return scale;
}

} // namespace

// Grid: tokens x KV heads, eight per block.
extern "C" __global__ void __launch_bounds__(256)
    di_flashmla_append(const __grid_constant__ AppendParams params) {
    const int lane_idx = threadIdx.x % 32;
    const int64_t row = static_cast<int64_t>(blockIdx.x) * 8 + threadIdx.x / 32;
    const int64_t token = row / params.kv_heads;
    const int32_t head = static_cast<int32_t>(row % params.kv_heads);
    if (token >= params.tokens)
        return;
    const int32_t slot = params.slots[token];
    const int32_t place = slot % params.page;
    if (slot < 0 || slot / params.page >= params.cache_blocks)
        return;
    unsigned char* const block = params.cache + slot / params.page * params.cache_block_bytes;
    const int64_t latent = token * params.latent_token_stride + head * params.latent_head_stride;
    const int64_t rotary = token * params.rotary_token_stride + head * params.rotary_head_stride;
    const int rotary_dim = params.dim - params.latent_dim;
    if (params.format == KeyFormat::kBf16) {
        unsigned char* const target =
            block + place * params.cache_token_bytes + head * params.cache_head_bytes;
        copy_columns(target, params.latent, params.is_float32, latent, params.latent_dim);
        copy_columns(target + params.latent_dim * 2, params.rotary, params.is_float32, rotary,
                     rotary_dim);
    } else if (params.format == KeyFormat::kFp8V32) {
        unsigned char* const target = block + place * params.cache_token_bytes;
        for (int tile = 0; tile < 4; tile++) {
            const float scale = store_tile<4>(target + tile * 128, params, latent + tile * 128);
            if (lane_idx == 0)
                reinterpret_cast<float*>(target + 512)[tile] = scale;
        }
        copy_columns(target + 528, params.rotary, params.is_float32, rotary, rotary_dim);
    } else {
        unsigned char* const target = block + place * 576LL;
        unsigned char* const scales = block + params.page * 576LL + place * 8LL;
        for (int tile = 0; tile < 7; tile++) {
            const float scale = store_tile<2>(target + tile * 64, params, latent + tile * 64);
            const uint32_t bits = __float_as_uint(scale);
            if (lane_idx == 0)
                scales[tile] = bits > core::kInfinity ? 255 : bits >> 23;
        }
        if (lane_idx == 0)
            scales[7] = 0;
        copy_columns(target + 448, params.rotary, params.is_float32, rotary, rotary_dim);
    }
}

} // namespace di::flashmla
