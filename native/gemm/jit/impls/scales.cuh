// SPDX-License-Identifier: MIT
// Scale factors of an operand: one per mn_granularity rows and k_granularity elements along K, in
// any of the stored forms.
#pragma once

#include "common/device.cuh"

namespace di::gemm {

enum class ScaleKind : int32_t { kNone, kFloat32, kUe8m0, kPackedUe8m0 };

// Host code fills this in; both sides have the same layout.
struct ScaleParams {
    const void* data;
    int64_t mn_stride; // elements (packed: words) from one row of scales to the next
    int64_t k_stride;
    int32_t mn_granularity;
    int32_t k_granularity;
    ScaleKind kind;
    int32_t reserved;
};

// 2^(exponent - 127). 2^-127 is subnormal; 255 is NaN.
DI_DEVICE float decode_ue8m0(uint32_t exponent) {
    exponent &= 0xFF;
    const uint32_t bits = exponent == 0 ? 0x00400000 : exponent << 23;
    return __uint_as_float(exponent == 0xFF ? 0x7FC00000 : bits);
}

// The scale of row mn at element k.
DI_DEVICE float load_scale(const ScaleParams& scales, int32_t mn, int32_t k) {
    const int64_t row = mn / scales.mn_granularity * scales.mn_stride;
    const int32_t block = k / scales.k_granularity;
    switch (scales.kind) {
    case ScaleKind::kFloat32:
        return static_cast<const float*>(scales.data)[row + block * scales.k_stride];
    case ScaleKind::kUe8m0:
        return decode_ue8m0(
            static_cast<const uint8_t*>(scales.data)[row + block * scales.k_stride]);
    case ScaleKind::kPackedUe8m0:
        // Four exponents along K per word, the first one lowest.
        return decode_ue8m0(
            static_cast<const uint32_t*>(scales.data)[row + block / 4 * scales.k_stride] >>
            (block % 4 * 8));
    default:
        return 1.0f;
    }
}

} // namespace di::gemm
