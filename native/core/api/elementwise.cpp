// SPDX-License-Identifier: MIT
// di_core_fill, di_core_cast, di_core_compare.
#include <cstddef>

#include "common/host/params.h"
#include "core/api/images.h"
#include "core/api/layouts.h"
#include "deepinfra/core.h"

namespace di::core {
namespace {

Kernel<FillParams> fill_kernels[] = {
    {images::fill, "di_core_fill_8"},
    {images::fill, "di_core_fill_16"},
    {images::fill, "di_core_fill_32"},
    {images::fill, "di_core_fill_64"},
};
Kernel<FillParams> fill_bytes16{images::fill, "di_core_fill_bytes16"};
Kernel<CastParams> cast{images::cast, "di_core_cast"};
Kernel<CompareParams> compare_reset{images::compare, "di_core_compare_reset"};
Kernel<CompareParams> compare{images::compare, "di_core_compare"};

// Elements that each thread handles before the grid stops growing.
constexpr int64_t kElementsPerBlock = 4 * kThreads;

// The element repeated until it fills 8 bytes.
uint64_t repeat(uint64_t bits, int32_t element_bytes) {
    if (element_bytes < 8)
        bits &= (uint64_t{1} << (8 * element_bytes)) - 1;
    for (int32_t bytes = element_bytes; bytes < 8; bytes *= 2)
        bits |= bits << (8 * bytes);
    return bits;
}

LayoutBuilder<2> pair(const TensorView& a, const TensorView& b) {
    LayoutBuilder<2> builder;
    for (int32_t i = 0; i < a.rank; i++)
        builder.add(a.shape[i], {a.strides[i], b.strides[i]});
    return builder;
}

void run_fill(const TensorView& destination, uint64_t bits, di_stream stream) {
    LayoutBuilder<1> builder;
    for (int32_t i = 0; i < destination.rank; i++)
        builder.add(destination.shape[i], {destination.strides[i]});
    builder.sort_by(0);
    builder.merge();
    FillParams params{destination.data, bits, builder.layout};
    const int64_t bytes = params.layout.elements * destination.element_bytes;
    const bool is_aligned = reinterpret_cast<uintptr_t>(destination.data) % sizeof(Bytes16) == 0;
    if (builder.is_contiguous() && is_aligned && bytes % sizeof(Bytes16) == 0) {
        params.bits = repeat(bits, destination.element_bytes);
        params.layout.elements = bytes / static_cast<int64_t>(sizeof(Bytes16));
        fill_bytes16(grid_for(params.layout.elements, kElementsPerBlock), params, stream);
        return;
    }
    int width = 0;
    while (1 << width < destination.element_bytes)
        width++;
    fill_kernels[width](grid_for(params.layout.elements, kElementsPerBlock), params, stream);
}

} // namespace

Number number_of(const TensorView& tensor) {
    if (tensor.is(DI_DTYPE_FLOAT, 32))
        return Number::Float32;
    if (tensor.is(DI_DTYPE_FLOAT, 16))
        return Number::Float16;
    if (tensor.is(DI_DTYPE_BFLOAT, 16))
        return Number::BFloat16;
    if (tensor.is(DI_DTYPE_F8_E4M3FN, 8))
        return Number::E4M3;
    if (tensor.is(DI_DTYPE_F8_E5M2, 8))
        return Number::E5M2;
    throw Error(DI_STATUS_INVALID_ARGUMENT,
                join(tensor.name, ": expected float32, float16, bfloat16, e4m3 or e5m2, got ",
                     dtype_text(tensor.dtype)));
}

} // namespace di::core

using namespace di;

di_status di_core_fill(const di_tensor* destination, const di_core_fill_params* params,
                       di_stream stream) {
    return guarded([&] {
        const TensorView tensor = read_output(destination, "destination");
        const di_core_fill_params given = read_params(params, "params");
        const int32_t bytes = tensor.element_bytes;
        if (bytes > 8 || (bytes & (bytes - 1)) != 0)
            throw Error(DI_STATUS_INVALID_ARGUMENT,
                        join("destination: expected elements of 1, 2, 4 or 8 bytes, got ", bytes));
        if (bytes < 8 && given.bits >> (8 * bytes) != 0)
            throw Error(DI_STATUS_INVALID_ARGUMENT,
                        join("params: bits do not fit an element of ", bytes, " bytes"));
        if (!tensor.is_empty())
            core::run_fill(tensor, given.bits, stream);
    });
}

di_status di_core_cast(const di_tensor* source, const di_tensor* destination,
                       const di_core_cast_params* params, di_stream stream) {
    return guarded([&] {
        const TensorView from = read_tensor(source, "source");
        const TensorView to = read_output(destination, "destination");
        const di_core_cast_params given = read_params(params, "params");
        check_same_shape(to, from);
        check_same_device(to, from);
        check_no_overlap(to, from);
        if (given.overflow != DI_OVERFLOW_SATURATE_FINITE &&
            given.overflow != DI_OVERFLOW_NO_SATURATE)
            throw Error(DI_STATUS_INVALID_ARGUMENT,
                        join("params: overflow ", given.overflow, " is not a di_overflow"));
        core::LayoutBuilder<2> builder = core::pair(from, to);
        builder.sort_by(1);
        builder.merge();
        const core::CastParams cast_params{
            from.data,
            to.data,
            core::number_of(from),
            core::number_of(to),
            given.overflow == DI_OVERFLOW_SATURATE_FINITE,
            builder.layout,
        };
        if (!from.is_empty())
            core::cast(core::grid_for(from.elements, core::kElementsPerBlock), cast_params, stream);
    });
}

di_status di_core_compare(const di_tensor* actual, const di_tensor* expected,
                          const di_core_compare_params* params, di_core_compare_result* result,
                          di_stream stream) {
    return guarded([&] {
        const TensorView a = read_tensor(actual, "actual");
        const TensorView e = read_tensor(expected, "expected");
        const di_core_compare_params given = read_params(params, "params");
        check_same_shape(a, e);
        check_same_device(a, e);
        if (!(given.absolute >= 0) || !(given.relative >= 0))
            throw Error(DI_STATUS_INVALID_ARGUMENT, "params: a tolerance is negative or NaN");
        if (result == nullptr ||
            reinterpret_cast<uintptr_t>(result) % alignof(di_core_compare_result) != 0)
            throw Error(DI_STATUS_INVALID_ARGUMENT, "result is null or not aligned to 8 bytes");
        core::CompareParams compare_params{};
        compare_params.actual = a.data;
        compare_params.expected = e.data;
        // Addresses of fields of a record in device memory: computed, never read here.
        auto* record = reinterpret_cast<char*>(result);
        auto field = [record](size_t offset) { return static_cast<void*>(record + offset); };
        compare_params.different =
            static_cast<unsigned long long*>(field(offsetof(di_core_compare_result, different)));
        compare_params.first =
            static_cast<unsigned long long*>(field(offsetof(di_core_compare_result, first)));
        compare_params.largest_bits =
            static_cast<unsigned int*>(field(offsetof(di_core_compare_result, largest_bits)));
        compare_params.unordered =
            static_cast<unsigned int*>(field(offsetof(di_core_compare_result, unordered)));
        compare_params.actual_type = core::number_of(a);
        compare_params.expected_type = core::number_of(e);
        compare_params.absolute = given.absolute;
        compare_params.relative = given.relative;
        // The order stays: first is a row-major index.
        core::LayoutBuilder<2> builder = core::pair(a, e);
        builder.merge();
        compare_params.layout = builder.layout;
        LaunchShape one;
        one.threads = 1;
        core::compare_reset(one, compare_params, stream);
        if (!a.is_empty())
            core::compare(core::grid_for(a.elements, 4 * core::kElementsPerBlock), compare_params,
                          stream);
    });
}
