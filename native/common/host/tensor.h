// SPDX-License-Identifier: MIT
// Checks of tensors that cross the C boundary, and their shapes as kernels need them.
#pragma once

#include <array>
#include <cstdint>
#include <source_location>
#include <string>

#include "common/host/error.h"
#include "deepinfra/tensor.h"

namespace di {

// A checked tensor in device memory.
struct TensorView {
    const char* name; // of the argument, for messages
    void* data;       // first element
    di_dtype dtype;
    int32_t element_bytes;
    int32_t device;
    int32_t rank;
    int64_t elements;
    std::array<int64_t, DI_MAX_RANK> shape;
    std::array<int64_t, DI_MAX_RANK> strides;

    bool is_empty() const { return elements == 0; }
    int64_t extent_from_end(int32_t i) const { return shape[rank - i]; }
    int64_t stride_from_end(int32_t i) const { return strides[rank - i]; }
    bool is(uint8_t code, uint8_t bits) const { return dtype.code == code && dtype.bits == bits; }
};

// Reads a tensor. Throws DI_STATUS_INVALID_ARGUMENT unless it is a well-formed tensor of whole
// bytes in device memory whose first element is aligned to its size.
TensorView read_tensor(const di_tensor* tensor, const char* name,
                       std::source_location where = std::source_location::current());

// As read_tensor, for a tensor that is written: no two elements may share memory.
TensorView read_output(const di_tensor* tensor, const char* name,
                       std::source_location where = std::source_location::current());

// Throws unless both have the same shape.
void check_same_shape(const TensorView& tensor, const TensorView& expected,
                      std::source_location where = std::source_location::current());

// Throws unless both lie on the same device, or one of them is empty.
void check_same_device(const TensorView& tensor, const TensorView& expected,
                       std::source_location where = std::source_location::current());

// Throws if the memory of an output and another tensor overlaps.
void check_no_overlap(const TensorView& output, const TensorView& other,
                      std::source_location where = std::source_location::current());

// A shape as text, such as [4,128].
std::string shape_text(const TensorView& tensor);

// An element type as text, such as float32.
std::string dtype_text(di_dtype dtype);

} // namespace di
