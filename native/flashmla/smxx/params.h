// SPDX-License-Identifier: MIT
// Parameter blocks of the attention kernels; read by host and device code alike. Strides are in
// elements unless their name says bytes.
#pragma once

namespace di::flashmla {

// Tokens per block of the schedule.
constexpr int kScheduleBlock = 64;

// How keys are stored.
enum class KeyFormat : int { kBf16, kFp8V32, kFp8Model1 };

// The work of one part of the schedule: whole requests between a first and a last one that may be
// shared with other parts.
struct Part {
    int begin_request; // not less than the batch for an idle part
    int end_request;   // inclusive
    int begin_block;   // of the first request
    int end_block;     // of the last request, exclusive
    int begin_split;   // this part's split of the first request
    int first_is_split;
    int last_is_split;
    int reserved;
};

// Where results go. Partial results of a split request lie in the accumulators, one set of
// tokens x heads rows per split: normalised values, and log-sum-exp in log2 units.
struct ResultParams {
    void* out;
    float* lse;
    float* out_accumulator;
    float* lse_accumulator;
    const int* split_offsets; // [B + 1] running totals
    const int* split_bases;   // [B] first set of a split request
    long long out_batch_stride, out_token_stride, out_head_stride;
    long long lse_batch_stride, lse_head_stride, lse_token_stride;
    int batch;
    int tokens; // query tokens per request
    int heads;  // query heads
    int is_float32;
    int is_base_two; // base of lse
    float empty_lse; // of rows that see no key
};

struct MlaDecodeParams {
    const unsigned short* q;
    const unsigned char* cache;
    const int* block_table;
    const int* lengths;
    const Part* parts;
    ResultParams result;
    long long q_batch_stride, q_token_stride, q_head_stride;
    long long cache_block_bytes, cache_token_bytes, cache_head_bytes;
    long long table_stride;
    int table_columns;
    int cache_blocks;
    int page; // tokens per cache block
    int kv_heads;
    int group_heads; // query heads per KV head
    int row_tiles;
    int causal;
    float scale;
};

// Tokens to be quantised and stored. A negative slot, or one outside the cache, is skipped.
struct AppendParams {
    const int* slots;   // [T] block x page + place
    const void* latent; // [T, H_kv, latent_dim]
    const void* rotary; // [T, H_kv, dim - latent_dim]
    unsigned char* cache;
    long long latent_token_stride, latent_head_stride;
    long long rotary_token_stride, rotary_head_stride;
    long long cache_block_bytes, cache_token_bytes, cache_head_bytes;
    long long tokens;
    int latent_dim;
    int dim;
    int kv_heads;
    int page;
    int cache_blocks;
    KeyFormat format;
    int is_float32; // of the rows; else bf16
    int is_power_of_two;
};

} // namespace di::flashmla
