// SPDX-License-Identifier: MIT
#include "common/host/tensor.h"

#include <algorithm>

namespace di {
namespace {

[[noreturn]] void reject(std::string message, const std::source_location& where) {
    throw Error(DI_STATUS_INVALID_ARGUMENT, std::move(message), 0, where);
}

// Bytes from the first element to the end of the last one.
int64_t extent_bytes(const TensorView& tensor) {
    int64_t last = 0;
    for (int32_t i = 0; i < tensor.rank; i++)
        last += (tensor.shape[i] - 1) * tensor.strides[i];
    return (last + 1) * tensor.element_bytes;
}

void check_distinct(const TensorView& tensor, const std::source_location& where) {
    // Sorted by stride, each dimension must step over everything that the smaller ones span.
    // Layouts that interleave without sharing an element are refused too; nobody lays out tensors
    // that way.
    std::array<int32_t, DI_MAX_RANK> order{};
    int32_t count = 0;
    for (int32_t i = 0; i < tensor.rank; i++) {
        if (tensor.shape[i] <= 1)
            continue;
        int32_t place = count++;
        for (; place > 0 && tensor.strides[order[place - 1]] > tensor.strides[i]; place--)
            order[place] = order[place - 1];
        order[place] = i;
    }
    int64_t span = 0;
    for (int32_t i = 0; i < count; i++) {
        const int32_t dimension = order[i];
        if (tensor.strides[dimension] <= span)
            reject(join(tensor.name, ": elements of an output share memory (stride ",
                        tensor.strides[dimension], " of dimension ", dimension, ")"),
                   where);
        span += (tensor.shape[dimension] - 1) * tensor.strides[dimension];
    }
}

} // namespace

std::string shape_text(const TensorView& tensor) {
    std::string text = "[";
    for (int32_t i = 0; i < tensor.rank; i++)
        text.append(i == 0 ? "" : ",").append(std::to_string(tensor.shape[i]));
    return text.append("]");
}

std::string dtype_text(di_dtype dtype) {
    const char* name = nullptr;
    switch (dtype.code) {
    case DI_DTYPE_INT:
        name = "int";
        break;
    case DI_DTYPE_UINT:
        name = "uint";
        break;
    case DI_DTYPE_FLOAT:
        name = "float";
        break;
    case DI_DTYPE_BFLOAT:
        name = "bfloat";
        break;
    case DI_DTYPE_BOOL:
        name = "bool";
        break;
    case DI_DTYPE_F8_E4M3FN:
        return "e4m3";
    case DI_DTYPE_F8_E5M2:
        return "e5m2";
    case DI_DTYPE_F8_E8M0FNU:
        return "e8m0";
    case DI_DTYPE_F4_E2M1FN:
        return "e2m1";
    default:
        return join("type code ", static_cast<int>(dtype.code), " of ",
                    static_cast<int>(dtype.bits), " bits");
    }
    return join(name, static_cast<int>(dtype.bits));
}

TensorView read_tensor(const di_tensor* tensor, const char* name, std::source_location where) {
    if (tensor == nullptr)
        reject(join(name, " is null"), where);
    if (tensor->ndim < 0 || tensor->ndim > DI_MAX_RANK)
        reject(join(name, ": expected 0 to ", DI_MAX_RANK, " dimensions, got ", tensor->ndim),
               where);
    if (tensor->dtype.lanes != 1 || tensor->dtype.bits == 0 || tensor->dtype.bits % 8 != 0)
        reject(join(name, ": expected elements of whole bytes and one lane, got ",
                    dtype_text(tensor->dtype), " x ", static_cast<int>(tensor->dtype.lanes)),
               where);
    if (tensor->device.type != DI_DEVICE_CUDA && tensor->device.type != DI_DEVICE_CUDA_MANAGED)
        reject(join(name, ": expected device memory, got device type ", tensor->device.type),
               where);
    if (tensor->ndim > 0 && tensor->shape == nullptr)
        reject(join(name, ": shape is null"), where);

    TensorView view{};
    view.name = name;
    view.dtype = tensor->dtype;
    view.element_bytes = tensor->dtype.bits / 8;
    view.device = tensor->device.id;
    view.rank = tensor->ndim;
    view.elements = 1;
    for (int32_t i = 0; i < view.rank; i++) {
        view.shape[i] = tensor->shape[i];
        if (view.shape[i] < 0)
            reject(join(name, ": extent ", view.shape[i], " of dimension ", i, " is negative"),
                   where);
        if (__builtin_mul_overflow(view.elements, view.shape[i], &view.elements))
            reject(join(name, ": the shape has more than 2^63 elements"), where);
    }
    uint64_t compact = 1; // may wrap around where an extent is zero and strides do not matter
    for (int32_t i = view.rank - 1; i >= 0; i--) {
        view.strides[i] = tensor->strides == nullptr ? static_cast<int64_t>(compact & INT64_MAX)
                                                     : tensor->strides[i];
        compact *= static_cast<uint64_t>(std::max<int64_t>(view.shape[i], 1));
        if (view.strides[i] < 0)
            reject(join(name, ": stride ", view.strides[i], " of dimension ", i, " is negative"),
                   where);
    }
    if (view.is_empty())
        return view;
    int64_t last = 0;
    for (int32_t i = 0; i < view.rank; i++) {
        int64_t step;
        if (__builtin_mul_overflow(view.shape[i] - 1, view.strides[i], &step) ||
            __builtin_add_overflow(last, step, &last) || last > INT64_MAX / 16)
            reject(join(name, ": the strides reach beyond the address space"), where);
    }
    if (tensor->data == nullptr)
        reject(join(name, ": data is null, but the shape has ", view.elements, " elements"), where);
    view.data = static_cast<char*>(tensor->data) + tensor->byte_offset;
    if (reinterpret_cast<uintptr_t>(view.data) % static_cast<uintptr_t>(view.element_bytes) != 0)
        reject(join(name, ": the first element is not aligned to ", view.element_bytes, " bytes"),
               where);
    return view;
}

TensorView read_output(const di_tensor* tensor, const char* name, std::source_location where) {
    TensorView view = read_tensor(tensor, name, where);
    if (!view.is_empty())
        check_distinct(view, where);
    return view;
}

void check_same_shape(const TensorView& tensor, const TensorView& expected,
                      std::source_location where) {
    if (tensor.rank != expected.rank ||
        !std::equal(tensor.shape.begin(), tensor.shape.begin() + tensor.rank,
                    expected.shape.begin()))
        reject(join(tensor.name, ": expected shape ", shape_text(expected), " of ", expected.name,
                    ", got ", shape_text(tensor)),
               where);
}

void check_same_device(const TensorView& tensor, const TensorView& expected,
                       std::source_location where) {
    if (!tensor.is_empty() && !expected.is_empty() && tensor.device != expected.device)
        reject(join(tensor.name, ": expected device ", expected.device, " of ", expected.name,
                    ", got ", tensor.device),
               where);
}

void check_no_overlap(const TensorView& output, const TensorView& other,
                      std::source_location where) {
    if (output.is_empty() || other.is_empty())
        return;
    const auto* output_begin = static_cast<const char*>(output.data);
    const auto* other_begin = static_cast<const char*>(other.data);
    if (output_begin < other_begin + extent_bytes(other) &&
        other_begin < output_begin + extent_bytes(output))
        reject(join(output.name, " overlaps ", other.name), where);
}

} // namespace di
