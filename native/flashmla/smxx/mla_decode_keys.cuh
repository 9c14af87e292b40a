// SPDX-License-Identifier: MIT
// Queries and keys from memory to shared memory.
#pragma once

#include "flashmla/smxx/mla_decode_config.cuh"

namespace di::flashmla {

// What a block does for one request: 32 rows against a range of keys.
struct RequestWork {
    int32_t request;
    int32_t kv_head;
    int32_t first_row;
    int32_t length;    // tokens of the request in the cache
    int32_t begin_key; // of this part
    int32_t end_key;   // what the part has and the last row sees
    int32_t split;     // -1 if no other part works on the request
};

// A row of the tile: which query token and which head of the group; false behind the last one.
struct RowPlace {
    int32_t token, head;
    bool exists;
};

DI_DEVICE RowPlace place_of(const MlaDecodeParams& params, int32_t row) {
    const int32_t token = row / params.group_heads;
    return {token, row - token * params.group_heads, token < params.result.tokens};
}

// Keys that a query token sees.
DI_DEVICE int32_t visible_keys(const MlaDecodeParams& params, int32_t length, int32_t token) {
    const int32_t visible =
        params.causal != 0 ? length - (params.result.tokens - 1 - token) : length;
    return visible > 0 ? visible : 0;
}

template <typename C>
DI_DEVICE void load_queries(MlaDecodeStorage<C>& smem, const MlaDecodeParams& params,
                            const RequestWork& work) {
    constexpr int kChunks = C::kDimQk / 8;
    for (int i = threadIdx.x; i < C::kBlockM * kChunks; i += C::kThreads) {
        const int row = i / kChunks, chunk = i % kChunks;
        const RowPlace place = place_of(params, work.first_row + row);
        const uint16_t* source = params.q;
        if (place.exists)
            source += work.request * params.q_batch_stride + place.token * params.q_token_stride +
                      (work.kv_head * params.group_heads + place.head) * params.q_head_stride +
                      chunk * 8;
        ptx::cp_async_16(ptx::shared_address(&smem.q[row][chunk * 16]), source,
                         place.exists ? 16 : 0);
    }
}

// A block of the cache that a key lies in, and its place there. Negative if the table names none.
struct Slot {
    int64_t block;
    int32_t token;
};

DI_DEVICE Slot find_slot(const MlaDecodeParams& params, int32_t request, int32_t key) {
    const int32_t column = key / params.page;
    const int32_t block = params.block_table[request * params.table_stride + column];
    const bool exists = static_cast<uint32_t>(block) < static_cast<uint32_t>(params.cache_blocks);
    return {exists ? block : -1, key - column * params.page};
}

// Sixteen bytes that are NaN whatever they are read as: codes, scales, bf16.
DI_DEVICE void store_nan(void* target) {
    auto* words = static_cast<uint32_t*>(target);
    for (int i = 0; i < 4; i++)
        words[i] = 0xFFFFFFFF;
}

// Keys behind the end become zeros: neither the table nor the cache is read for them. A table entry
// outside the cache makes its keys NaN, so that the mistake shows and no foreign memory is read.
template <typename C>
DI_DEVICE void load_bf16_keys(unsigned char (&target)[C::kBlockN][C::kRowBytes],
                              const MlaDecodeParams& params, const RequestWork& work,
                              int32_t first_key) {
    constexpr int kChunks = C::kDimQk / 8;
    for (int i = threadIdx.x; i < C::kBlockN * kChunks; i += C::kThreads) {
        const int row = i / kChunks, chunk = i % kChunks;
        const int32_t key = first_key + row;
        const bool is_needed = key < work.end_key;
        const unsigned char* source = params.cache;
        if (is_needed) {
            const Slot slot = find_slot(params, work.request, key);
            if (slot.block < 0) {
                store_nan(&target[row][chunk * 16]);
                continue;
            }
            source += slot.block * params.cache_block_bytes +
                      slot.token * params.cache_token_bytes +
                      work.kv_head * params.cache_head_bytes + chunk * 16;
        }
        ptx::cp_async_16(ptx::shared_address(&target[row][chunk * 16]), source, is_needed ? 16 : 0);
    }
}

// Tokens as they are stored; nothing is written for those behind the end.
template <typename C>
DI_DEVICE void load_stored_keys(unsigned char* target, const MlaDecodeParams& params,
                                const RequestWork& work, int32_t first_key) {
    constexpr int kChunks = C::kStoredBytes / 16;
    for (int i = threadIdx.x; i < C::kBlockN * kChunks; i += C::kThreads) {
        const int row = i / kChunks, chunk = i % kChunks;
        if (first_key + row >= work.end_key)
            break;
        const Slot slot = find_slot(params, work.request, first_key + row);
        unsigned char* const place = target + row * C::kStoredBytes + chunk * 16;
        if (slot.block < 0) {
            store_nan(place);
            continue;
        }
        const unsigned char* const block = params.cache + slot.block * params.cache_block_bytes;
        if constexpr (C::kFormat == KeyFormat::kFp8V32) {
            ptx::cp_async_16(ptx::shared_address(place),
                             block + slot.token * params.cache_token_bytes + chunk * 16);
        } else if (chunk < 36) {
            ptx::cp_async_16(ptx::shared_address(place), block + slot.token * 576LL + chunk * 16);
        } else {
            // Eight bytes per token behind the rows of all tokens.
            const unsigned char* const scales = block + params.page * 576LL + slot.token * 8;
            ptx::cp_async_4(ptx::shared_address(place), scales);
            ptx::cp_async_4(ptx::shared_address(place + 4), scales + 4);
        }
    }
}

DI_DEVICE float decode_e4m3(uint32_t code) {
    // The multiplication repairs the exponent's bias and normalises subnormals.
    const float magnitude = __uint_as_float((code & 0x7F) << 20) * __uint_as_float(247u << 23);
    const uint32_t bits = (code & 0x7F) == 0x7F ? 0x7FC00000 : __float_as_uint(magnitude);
    return __uint_as_float(bits | (code & 0x80) << 24);
}

// 2^(code - 127); code 0 is subnormal, code 255 is NaN.
DI_DEVICE float decode_e8m0(uint32_t code) {
    return __uint_as_float(code == 0 ? 0x00400000 : code == 255 ? 0x7FC00000 : code << 23);
}

DI_DEVICE uint32_t round_to_bf16(float value) {
    const uint32_t bits = __float_as_uint(value);
    if ((bits & 0x7FFFFFFF) > 0x7F800000)
        return (bits >> 16 & 0xFFFF) | 0x40;
    return (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
}

DI_DEVICE uint32_t pack_bf16(float low, float high) {
    return round_to_bf16(low) | round_to_bf16(high) << 16;
}

// The scale of eight columns of a stored token.
template <typename C> DI_DEVICE float scale_of(const unsigned char* token, int chunk) {
    if constexpr (C::kFormat == KeyFormat::kFp8V32)
        return *reinterpret_cast<const float*>(token + 512 + chunk / 16 * 4);
    else
        return decode_e8m0(token[576 + chunk / 8]);
}

// Stored tokens to rows of bf16; one rounding per column. Zeros behind the end.
template <typename C>
DI_DEVICE void dequantize_keys(unsigned char (&target)[C::kBlockN][C::kRowBytes],
                               const unsigned char* stored, int32_t keys) {
    constexpr int kChunks = C::kDimQk / 8;
    constexpr int kQuantizedChunks = kChunks - 64 / 8;
    constexpr int kRotaryOffset = C::kFormat == KeyFormat::kFp8V32 ? 528 : 448;
    for (int i = threadIdx.x; i < C::kBlockN * kChunks; i += C::kThreads) {
        const int row = i / kChunks, chunk = i % kChunks;
        const unsigned char* const token = stored + row * C::kStoredBytes;
        auto* const out = reinterpret_cast<uint32_t*>(&target[row][chunk * 16]);
        uint32_t words[4] = {};
        if (row < keys && chunk < kQuantizedChunks) {
            const auto* const codes = reinterpret_cast<const uint32_t*>(token + chunk * 8);
            const float scale = scale_of<C>(token, chunk);
#pragma unroll
            for (int j = 0; j < 4; j++) {
                const uint32_t pair = codes[j / 2] >> (j % 2 * 16);
                words[j] = pack_bf16(decode_e4m3(pair & 0xFF) * scale,
                                     decode_e4m3(pair >> 8 & 0xFF) * scale);
            }
        } else if (row < keys) {
            const auto* const rotary = reinterpret_cast<const uint32_t*>(
                token + kRotaryOffset + (chunk - kQuantizedChunks) * 16);
#pragma unroll
            for (int j = 0; j < 4; j++)
                words[j] = rotary[j];
        }
#pragma unroll
        for (int j = 0; j < 4; j++)
            out[j] = words[j];
    }
}

} // namespace di::flashmla
