// SPDX-License-Identifier: MIT
#include "flashmla/api/checks.h"

#include <limits>

#include "deepinfra/flashmla.h"

namespace di::flashmla {

void reject(std::string message) { throw Error(DI_STATUS_INVALID_ARGUMENT, std::move(message)); }

int64_t ceiling_divide(int64_t value, int64_t divisor) { return (value + divisor - 1) / divisor; }

void expect_type(const TensorView& tensor, uint8_t code, uint8_t bits) {
    if (!tensor.is(code, bits))
        reject(join(tensor.name, ": expected ", dtype_text({code, bits, 1}), ", got ",
                    dtype_text(tensor.dtype)));
}

void expect_rank(const TensorView& tensor, int32_t rank) {
    if (tensor.rank != rank)
        reject(join(tensor.name, ": expected ", rank, " dimensions, got ", shape_text(tensor)));
}

void expect_extent(const TensorView& tensor, int32_t dimension, int64_t extent) {
    if (tensor.shape[dimension] != extent)
        reject(join(tensor.name, ": expected extent ", extent, " of dimension ", dimension,
                    ", got ", shape_text(tensor)));
}

void expect_contiguous(const TensorView& tensor, int32_t from) {
    int64_t expected = 1;
    for (int32_t i = tensor.rank - 1; i >= from; i--) {
        if (tensor.shape[i] > 1 && tensor.strides[i] != expected)
            reject(join(tensor.name, ": expected stride ", expected, " of dimension ", i, ", got ",
                        tensor.strides[i]));
        expected *= tensor.shape[i];
    }
}

void expect_aligned(const TensorView& tensor, uintptr_t bytes) {
    bool is_aligned = reinterpret_cast<uintptr_t>(tensor.data) % bytes == 0;
    for (int32_t i = 0; i + 1 < tensor.rank; i++)
        is_aligned &= tensor.shape[i] <= 1 ||
                      tensor.strides[i] * tensor.element_bytes % static_cast<int64_t>(bytes) == 0;
    if (!is_aligned)
        reject(join(tensor.name, ": expected an address and strides of multiples of ", bytes,
                    " bytes"));
}

int32_t narrow(const TensorView& tensor, int32_t dimension) {
    if (tensor.shape[dimension] > std::numeric_limits<int32_t>::max())
        reject(join(tensor.name, ": expected fewer than 2^31 of dimension ", dimension, ", got ",
                    shape_text(tensor)));
    return static_cast<int32_t>(tensor.shape[dimension]);
}

KeyFormat format_of(int32_t cache_format) {
    switch (cache_format) {
    case DI_FLASHMLA_CACHE_BFLOAT16:
        return KeyFormat::kBf16;
    case DI_FLASHMLA_CACHE_FP8_V32:
        return KeyFormat::kFp8V32;
    case DI_FLASHMLA_CACHE_FP8_MODEL1:
        return KeyFormat::kFp8Model1;
    default:
        reject(join("params: cache_format ", cache_format, " is not a di_flashmla_cache_format"));
    }
}

void check_cache(const TensorView& cache, KeyFormat format, int64_t dim) {
    expect_rank(cache, 4);
    if (format == KeyFormat::kBf16) {
        expect_type(cache, DI_DTYPE_BFLOAT, 16);
        expect_extent(cache, 3, dim);
        expect_contiguous(cache, 3);
    } else {
        const bool is_v32 = format == KeyFormat::kFp8V32;
        if (cache.element_bytes != 1)
            reject(join("cache: expected bytes, got ", dtype_text(cache.dtype)));
        if (dim != (is_v32 ? 576 : 512))
            reject(join("cache: this format has rows of ", is_v32 ? 576 : 512, ", got ", dim));
        expect_extent(cache, 2, 1);
        expect_extent(cache, 3, is_v32 ? 656 : 584);
        expect_contiguous(cache, 1);
    }
    if (cache.shape[1] == 0 || cache.shape[2] == 0)
        reject(
            join("cache: expected at least one token and head per block, got ", shape_text(cache)));
    if (cache.is_empty())
        return;
    TensorView steps = cache;
    // A token's declared stride is no place in memory there; only blocks must be aligned.
    if (format == KeyFormat::kFp8Model1)
        steps.shape[1] = 1;
    expect_aligned(steps, kCopyBytes);
}

uint32_t grid_of(int64_t blocks, const char* what) {
    if (blocks > std::numeric_limits<int32_t>::max())
        throw Error(DI_STATUS_NOT_SUPPORTED, join(what, ": ", blocks, " blocks exceed a grid"));
    return static_cast<uint32_t>(blocks);
}

} // namespace di::flashmla
