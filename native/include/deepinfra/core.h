// SPDX-License-Identifier: MIT
// libdeepinfra_core: utility kernels on tensors in device memory.
//
// Every operation checks its arguments first, enqueues on the stream and returns without waiting.
// The context of the stream's device must be current on the calling thread, and all tensors must
// lie on that device (DI_DEVICE_CUDA or DI_DEVICE_CUDA_MANAGED) and stay alive until the stream has
// done the work. No operation allocates memory. Tensors may have any strides of at least 0 unless a
// function says otherwise; two elements of an output must not share memory, and an output must not
// overlap another tensor of the call. A tensor without elements is a valid no-op.
//
// Errors of every operation: DI_STATUS_INVALID_ARGUMENT for a tensor or parameter that breaks these
// rules, DI_STATUS_NOT_SUPPORTED if this build carries no kernels for the device or there is no
// driver, DI_STATUS_DEVICE_ERROR from the driver. di_core_last_error has the details.
#pragma once

#include <stdint.h>

#include "deepinfra/base.h"
#include "deepinfra/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

// The version of this ABI: the upper half changes with every break, the lower half with every
// addition. The generator of the bindings refuses a change without its version.
#define DI_CORE_ABI_VERSION 0x00010001u

// Version of the ABI that the library implements, (major << 16) | minor. [any]
DI_API uint32_t di_core_abi_version(void);

// Version, compiler, CUDA version and architectures as a JSON object, UTF-8. The text lives as long
// as the library. [any]
DI_API const char* di_core_build_info(void);

// Sizes and offsets of every type of this ABI as the library's compiler laid them out. The array
// lives as long as the library. [any]
// @param count Number of entries.
DI_API const di_abi_field* di_core_abi_layout(int32_t* count);

// Copies the error record of the calling thread. [any]
// @param out The record; struct_size is set by the caller.
DI_API di_status di_core_last_error(di_error_info* out);

// Sets the driver that all further calls use. Without this call the first operation loads
// libcuda.so.1, or the simulator if the environment says DEEPINFRA_CUDA=sim. Setting the same
// driver again changes nothing; another one is DI_STATUS_INVALID_ARGUMENT. [init]
// @param driver The driver's entry point and flags; struct_size is set by the caller.
DI_API di_status di_core_use_driver(const di_driver* driver);

// Parameters of di_core_fill.
typedef struct di_core_fill_params {
    // sizeof(di_core_fill_params).
    uint32_t struct_size;
    // Zero.
    uint32_t reserved;
    // Bits of the element, right-aligned.
    uint64_t bits;
} di_core_fill_params;

// Sets every element to the same bits. [any]
// @param destination Any shape, elements of 8, 16, 32 or 64 bits.
// @param params The value.
// @param stream Where to enqueue.
DI_API di_status di_core_fill(const di_tensor* destination, const di_core_fill_params* params,
                              di_stream stream);

// Copies elements between layouts, for example to transpose: both tensors have the same shape and
// type, each its own strides. [any]
// @param source Any shape, elements of 8, 16, 32 or 64 bits.
// @param destination The same shape and type.
// @param stream Where to enqueue.
DI_API di_status di_core_copy(const di_tensor* source, const di_tensor* destination,
                              di_stream stream);

// What becomes of values beyond the range of an 8-bit format.
enum di_overflow {
    // The largest finite value of the same sign.
    DI_OVERFLOW_SATURATE_FINITE = 0,
    // Infinity where the format has one (E5M2), else NaN (E4M3).
    DI_OVERFLOW_NO_SATURATE = 1,
};

// Parameters of di_core_cast.
typedef struct di_core_cast_params {
    // sizeof(di_core_cast_params).
    uint32_t struct_size;
    // One of di_overflow; concerns E4M3 and E5M2 only.
    int32_t overflow;
} di_core_cast_params;

// Converts between float32, float16, bfloat16, E4M3 and E5M2. Values pass through float32;
// narrowing rounds to nearest, ties to even, and keeps subnormals and the sign of zero. NaN becomes
// 0x7FFF in bfloat16, 0x7F in 8-bit formats, 0x7E00 with its sign in float16. [any]
// @param source Any shape.
// @param destination The same shape.
// @param params Rounding.
// @param stream Where to enqueue.
DI_API di_status di_core_cast(const di_tensor* source, const di_tensor* destination,
                              const di_core_cast_params* params, di_stream stream);

// Which elements share a scale.
enum di_scale_blocks {
    // granularity elements of the last dimension: scales [...,M,ceil(K/granularity)].
    DI_SCALE_PER_TOKEN = 0,
    // granularity x granularity elements of the last two dimensions: scales
    // [...,ceil(M/g),ceil(N/g)].
    DI_SCALE_PER_BLOCK = 1,
    // granularity elements of the second-last dimension, whose extent is a multiple of it: scales
    // [...,K/granularity,N].
    DI_SCALE_PER_CHANNEL = 2,
};

// How FP4 codes are rounded.
enum di_fp4_rounding {
    // To nearest, ties to even; NaN becomes 6.
    DI_FP4_NEAREST_EVEN = 0,
    // To nearest, ties towards zero; zero has no sign and NaN becomes zero.
    DI_FP4_HALF_DOWN = 1,
};

// How a scale follows from the largest magnitude amax of its block, at least 1e-4; MAX is 448 for
// E4M3, 57344 for E5M2 and 6 for FP4, which is divided always.
enum di_scale_rule {
    // scale = amax / MAX, factor = 1 / scale.
    DI_SCALE_DIVIDE = 0,
    // scale = amax * round(1 / MAX), factor = MAX / amax.
    DI_SCALE_MULTIPLY_RECIPROCAL = 1,
};

// Parameters of di_core_quantize and di_core_dequantize.
typedef struct di_core_quantize_params {
    // sizeof(di_core_quantize_params).
    uint32_t struct_size;
    // One of di_scale_blocks.
    int32_t blocks;
    // Elements per scale along a dimension: a power of two from 16 to 256.
    int32_t granularity;
    // One of di_scale_rule; dequantisation ignores it.
    int32_t rule;
    // 1 rounds scales up to powers of two, 0 does not; implied by scales that are not float32.
    // Dequantisation ignores it.
    uint32_t power_of_two;
    // One of di_fp4_rounding; counts only where codes are FP4.
    uint32_t fp4_rounding;
} di_core_quantize_params;

// Quantises with one scale per block: code = round(x * factor), saturating. The result is bit-equal
// to the managed quantiser. A NaN makes the float32 scale of its block and all its codes NaN; with
// powers of two only its own code. [any]
// @param source [...,M,K], float32 or bfloat16.
// @param data Codes [...,M,K], E4M3 or E5M2, innermost stride 1; or uint8 [...,M,K/2] with two FP4
// codes per byte, the even element in the low half, with scales per token.
// @param scales Shape as di_scale_blocks says: float32, E8M0 (exponent codes) or int32 (four
// exponent codes along the quantised dimension, the last one unless scales are per channel; its
// extent is a quarter, rounded up; the last word is filled up with 2^0).
// @param params The blocks and the formula.
// @param stream Where to enqueue.
DI_API di_status di_core_quantize(const di_tensor* source, const di_tensor* data,
                                  const di_tensor* scales, const di_core_quantize_params* params,
                                  di_stream stream);

// The inverse: code * scale in float32, rounded once if the destination is bfloat16. [any]
// @param data As in di_core_quantize.
// @param scales As in di_core_quantize.
// @param destination [...,M,K], float32 or bfloat16.
// @param params The blocks.
// @param stream Where to enqueue.
DI_API di_status di_core_dequantize(const di_tensor* data, const di_tensor* scales,
                                    const di_tensor* destination,
                                    const di_core_quantize_params* params, di_stream stream);

// Parameters of di_core_compare. An element differs if |actual - expected| > absolute + relative *
// |expected|; two NaN are equal, equal infinities are equal.
typedef struct di_core_compare_params {
    // sizeof(di_core_compare_params).
    uint32_t struct_size;
    // Tolerance, not negative.
    float absolute;
    // Tolerance, not negative.
    float relative;
    // Zero.
    uint32_t reserved;
} di_core_compare_params;

// What di_core_compare writes into device memory.
typedef struct di_core_compare_result {
    // How many elements differ.
    uint64_t different;
    // Row-major index of the first one; UINT64_MAX if there is none.
    uint64_t first;
    // Bits of the largest float32 |actual - expected| that is a number.
    uint32_t largest_bits;
    // How many elements are NaN on one side only or infinite with nothing equal on the other.
    uint32_t unordered;
} di_core_compare_result;

// Compares two tensors value by value in float32. [any]
// @param actual Any shape: float32, float16, bfloat16, E4M3 or E5M2.
// @param expected The same shape, any of these types.
// @param params Tolerances.
// @param result One di_core_compare_result in device memory, 8-byte aligned; overwritten.
// @param stream Where to enqueue.
DI_API di_status di_core_compare(const di_tensor* actual, const di_tensor* expected,
                                 const di_core_compare_params* params,
                                 di_core_compare_result* result, di_stream stream);

#ifdef __cplusplus
}
#endif
