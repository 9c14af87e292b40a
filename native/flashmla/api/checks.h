// SPDX-License-Identifier: MIT
// Checks of tensors that several operations have in common. All throw DI_STATUS_INVALID_ARGUMENT.
#pragma once

#include <cstdint>
#include <string>

#include "common/host/tensor.h"
#include "flashmla/smxx/params.h"

namespace di::flashmla {

// What asynchronous copies and vectors of four floats need.
inline constexpr uintptr_t kCopyBytes = 16;

[[noreturn]] void reject(std::string message);

int64_t ceiling_divide(int64_t value, int64_t divisor);

void expect_type(const TensorView& tensor, uint8_t code, uint8_t bits);
void expect_rank(const TensorView& tensor, int32_t rank);
void expect_extent(const TensorView& tensor, int32_t dimension, int64_t extent);

// The dimensions from one on lie compact in memory.
void expect_contiguous(const TensorView& tensor, int32_t from);

// The address and all strides that are stepped over are multiples of so many bytes.
void expect_aligned(const TensorView& tensor, uintptr_t bytes);

// An extent that kernels count in 32 bits.
int32_t narrow(const TensorView& tensor, int32_t dimension);

// One of di_flashmla_cache_format.
KeyFormat format_of(int32_t cache_format);

// Blocks of tokens with rows of so many columns.
void check_cache(const TensorView& cache, KeyFormat format, int64_t dim);

// A number of blocks as the first extent of a grid.
uint32_t grid_of(int64_t blocks, const char* what);

} // namespace di::flashmla
