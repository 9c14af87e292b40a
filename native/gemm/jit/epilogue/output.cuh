// SPDX-License-Identifier: MIT
// The end of every matrix multiplication: d = sum + c + bias in binary32, rounded once, written
// where the result has rows and columns. Callers hold pairs of neighbouring columns, the first one
// even.
#pragma once

#include "common/device.cuh"

namespace di::gemm {

enum class OutputType : int32_t { kFloat32, kBFloat16 };

// Host code fills this in; both sides have the same layout.
struct OutputParams {
    void* d;          // [m, n], rows start at multiples of 16 bytes
    const void* c;    // as d, or null; may be d
    const void* bias; // [n], or null
    int64_t d_stride; // elements from row to row
    int64_t c_stride;
    int32_t m;
    int32_t n;
    OutputType type; // of d and c
    OutputType bias_type;
};

DI_DEVICE float from_bfloat16(uint32_t bits) { return __uint_as_float(bits << 16); }

// Rounds to nearest even; every NaN becomes 0x7FFF, as cvt.rn.bf16 and the CPU give it.
DI_DEVICE uint32_t to_bfloat16(float value) {
    const uint32_t bits = __float_as_uint(value);
    if ((bits & 0x7FFFFFFF) > 0x7F800000)
        return 0x7FFF;
    return (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
}

DI_DEVICE float load_output(const void* data, OutputType type, int64_t index) {
    return type == OutputType::kFloat32 ? static_cast<const float*>(data)[index]
                                        : from_bfloat16(static_cast<const uint16_t*>(data)[index]);
}

DI_DEVICE float finish(const OutputParams& out, int64_t row, int32_t column, float sum) {
    if (out.c != nullptr)
        sum += load_output(out.c, out.type, row * out.c_stride + column);
    if (out.bias != nullptr)
        sum += load_output(out.bias, out.bias_type, column);
    return sum;
}

// Stores columns `column` and `column + 1` of a row, as far as they exist. `column` is even, so
// that both lie in one aligned word.
DI_DEVICE void store_pair(const OutputParams& out, int32_t row, int32_t column, float first,
                          float second) {
    if (row >= out.m || column >= out.n)
        return;
    const int64_t index = row * out.d_stride + column;
    const bool has_second = column + 1 < out.n;
    first = finish(out, row, column, first);
    if (has_second)
        second = finish(out, row, column + 1, second);
    if (out.type == OutputType::kFloat32) {
        float* target = static_cast<float*>(out.d) + index;
        if (has_second)
            *reinterpret_cast<float2*>(target) = make_float2(first, second);
        else
            *target = first;
    } else {
        uint16_t* target = static_cast<uint16_t*>(out.d) + index;
        if (has_second)
            *reinterpret_cast<uint32_t*>(target) = to_bfloat16(first) | to_bfloat16(second) << 16;
        else
            *target = static_cast<uint16_t>(to_bfloat16(first));
    }
}

} // namespace di::gemm
