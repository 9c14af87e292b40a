// SPDX-License-Identifier: MIT
// libdeepinfra_flashmla: multi-head latent attention on tensors in device memory.
//
// Every operation checks its arguments first, enqueues on the stream and returns without waiting.
// The context of the stream's device must be current on the calling thread, and all tensors must
// lie on that device (DI_DEVICE_CUDA or DI_DEVICE_CUDA_MANAGED) and stay alive until the stream has
// done the work. No operation allocates memory. Outputs must not overlap another tensor of the
// call. Operations may be captured into graphs.
//
// Errors of every operation: DI_STATUS_INVALID_ARGUMENT for a tensor or parameter that breaks these
// rules, DI_STATUS_NOT_SUPPORTED if this build carries no kernels for the device or there is no
// driver, DI_STATUS_DEVICE_ERROR from the driver. di_flashmla_last_error has the details.
#pragma once

#include <stdint.h>

#include "deepinfra/base.h"
#include "deepinfra/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

// The version of this ABI: the upper half changes with every break, the lower half with every
// addition. The generator of the bindings refuses a change without its version.
#define DI_FLASHMLA_ABI_VERSION 0x00010001u

// Version of the ABI that the library implements, (major << 16) | minor. [any]
DI_API uint32_t di_flashmla_abi_version(void);

// Version, compiler, CUDA version and architectures as a JSON object, UTF-8. The text lives as long
// as the library. [any]
DI_API const char* di_flashmla_build_info(void);

// Sizes and offsets of every type of this ABI as the library's compiler laid them out. The array
// lives as long as the library. [any]
// @param count Number of entries.
DI_API const di_abi_field* di_flashmla_abi_layout(int32_t* count);

// Copies the error record of the calling thread. [any]
// @param out The record; struct_size is set by the caller.
DI_API di_status di_flashmla_last_error(di_error_info* out);

// Sets the driver that all further calls use. Without this call the first operation loads
// libcuda.so.1, or the simulator if the environment says DEEPINFRA_CUDA=sim. Setting the same
// driver again changes nothing; another one is DI_STATUS_INVALID_ARGUMENT. [init]
// @param driver The driver's entry point and flags; struct_size is set by the caller.
DI_API di_status di_flashmla_use_driver(const di_driver* driver);

// How a cache stores tokens.
// @name: NativeFlashMlaCacheFormat
enum di_flashmla_cache_format {
    // [blocks,page,H_kv,D] bfloat16, D 576 or 512, any strides of 16-byte multiples.
    DI_FLASHMLA_CACHE_BFLOAT16 = 0,
    // [blocks,page,1,656] bytes per token: 512 E4M3 codes, 4 little-endian float32 scales of 128
    // columns each, 64 bfloat16. D 576.
    DI_FLASHMLA_CACHE_FP8_V32 = 1,
    // [blocks,page,1,584] bytes: first page x 576 (448 E4M3 codes, 64 bfloat16), then page x 8 (7
    // E8M0 scales of 64 columns each, one byte of padding). D 512.
    DI_FLASHMLA_CACHE_FP8_MODEL1 = 2,
};

// Parameters of di_flashmla_decode.
// @name: NativeFlashMlaDecodeParams
typedef struct di_flashmla_decode_params {
    // sizeof(di_flashmla_decode_params).
    uint32_t struct_size;
    // One of di_flashmla_cache_format.
    int32_t cache_format;
    // Factor of the logits, finite.
    float softmax_scale;
    // 1: query token s of S sees keys before length - (S - 1 - s); 0: all of them.
    uint32_t causal;
    // 1: the log-sum-exp is to base 2; 0: natural.
    uint32_t lse_base_two;
    // Log-sum-exp of rows that see no key: 1 minus infinity, 0 plus infinity.
    uint32_t empty_lse_negative;
} di_flashmla_decode_params;

// Attention of new query tokens over a paged cache; values are the first 512 columns of the keys. A
// request's keys may be split over several parts of the schedule; their partial results go through
// the accumulators. Lengths beyond the block table are cut; a table entry outside the cache makes
// what would have been read there NaN. Otherwise the schedule must be one made for these lengths:
// parts that cover every block of 64 tokens of every request once. [any]
// @param q [B,S,H,D] bfloat16, innermost stride 1, other strides and the address multiples of 16
// bytes.
// @param cache Blocks as di_flashmla_cache_format says; the address and strides are multiples of 16
// bytes.
// @param block_table [B,columns] int32, innermost stride 1; entries behind the needed ones may be
// anything.
// @param lengths [B] int32, compact: tokens in the cache including the new ones, 0 allowed.
// @param parts [P,8] int32, compact: first request, last request (inclusive), first block of the
// first request, end block of the last one, split number in the first request, whether the first
// and the last request are split, 0. A first request of B or more is an idle part.
// @param split_offsets [B+1] int32, compact: running totals of splits.
// @param split_bases [B] int32, compact: first set of accumulators of a split request.
// @param out_accumulator [sets,S,H,512] float32, compact, 16-byte aligned; without elements if
// nothing is split.
// @param lse_accumulator [sets,S,H] float32, compact.
// @param out [B,S,H,512] bfloat16 or float32, innermost stride 1, other strides even, aligned to
// two elements.
// @param lse [B,H,S] float32.
// @param params Format, scale and conventions.
// @param stream Where to enqueue.
DI_API di_status di_flashmla_decode(const di_tensor* q, const di_tensor* cache,
                                    const di_tensor* block_table, const di_tensor* lengths,
                                    const di_tensor* parts, const di_tensor* split_offsets,
                                    const di_tensor* split_bases, const di_tensor* out_accumulator,
                                    const di_tensor* lse_accumulator, const di_tensor* out,
                                    const di_tensor* lse, const di_flashmla_decode_params* params,
                                    di_stream stream);

// Parameters of di_flashmla_append.
// @name: NativeFlashMlaAppendParams
typedef struct di_flashmla_append_params {
    // sizeof(di_flashmla_append_params).
    uint32_t struct_size;
    // One of di_flashmla_cache_format.
    int32_t cache_format;
    // 1 rounds scales up to powers of two, 0 does not; DI_FLASHMLA_CACHE_FP8_MODEL1 needs 1, and
    // bfloat16 caches ignore it.
    uint32_t power_of_two;
    // Zero.
    uint32_t reserved;
} di_flashmla_append_params;

// Stores tokens at slots of a cache, quantised to its format: scale = amax / 448 of a tile, at
// least 1e-4 and rounded up to a power of two, or at least 1e-12 without rounding; code = E4M3(x /
// scale). A NaN makes the scale of its tile NaN; infinite values saturate. Two tokens must not have
// the same slot. [any]
// @param slots [T] int32, compact: block x page + place. Tokens whose slot is negative or outside
// the cache are skipped.
// @param latent [T,H_kv,L] bfloat16 or float32, innermost stride 1; L is 512 for
// DI_FLASHMLA_CACHE_FP8_V32, 448 for DI_FLASHMLA_CACHE_FP8_MODEL1, anything up to D for bfloat16
// caches.
// @param rotary [T,H_kv,D-L] of the same type, innermost stride 1.
// @param cache Blocks as di_flashmla_cache_format says.
// @param params The format.
// @param stream Where to enqueue.
DI_API di_status di_flashmla_append(const di_tensor* slots, const di_tensor* latent,
                                    const di_tensor* rotary, const di_tensor* cache,
                                    const di_flashmla_append_params* params, di_stream stream);

#ifdef __cplusplus
}
#endif
