// SPDX-License-Identifier: MIT
// Conversions between float32 and the narrower formats, bit-equal to the managed element types. A
// format with M mantissa bits and exponent bias B is binary32 shifted right by 23 - M with its
// exponent offset by 127 - B. Integer arithmetic keeps the results independent of device, rounding
// mode and the conversion instructions of an architecture.
#pragma once

#include "core/kernels/params.h"

namespace di::core {

constexpr unsigned int kMagnitudeMask = 0x7FFFFFFFu;
constexpr unsigned int kInfinity = 0x7F800000u;
constexpr unsigned int kQuietNaN = 0x7FC00000u;

__device__ __forceinline__ unsigned int bits_of(float value) { return __float_as_uint(value); }
__device__ __forceinline__ float float_of(unsigned int bits) { return __uint_as_float(bits); }

// A magnitude that is not NaN as a code without sign: to nearest, ties to even, cut off at
// max_code.
template <int MantissaBits, int Bias>
__device__ __forceinline__ unsigned int encode_magnitude(unsigned int magnitude,
                                                         unsigned int max_code) {
    constexpr int kShift = 23 - MantissaBits;
    unsigned int code;
    if (magnitude < static_cast<unsigned int>(128 - Bias) << 23) {
        // Codes below the smallest normal one are equally spaced: adding a number whose last place
        // is that spacing makes the addition round, and leaves the code in the low bits.
        constexpr unsigned int kMagic = static_cast<unsigned int>(151 - Bias - MantissaBits) << 23;
        code = bits_of(float_of(magnitude) + float_of(kMagic)) - kMagic;
    } else {
        const unsigned int half = (1u << (kShift - 1)) - 1 + ((magnitude >> kShift) & 1);
        code = ((magnitude + half) >> kShift) -
               (static_cast<unsigned int>(127 - Bias) << MantissaBits);
    }
    return code < max_code ? code : max_code;
}

// The magnitude of a finite code without sign. The multiplication repairs the exponent bias and
// normalises subnormals.
template <int MantissaBits, int Bias>
__device__ __forceinline__ unsigned int decode_magnitude(unsigned int code) {
    constexpr unsigned int kRebias = static_cast<unsigned int>(254 - Bias) << 23;
    return bits_of(float_of(code << (23 - MantissaBits)) * float_of(kRebias));
}

__device__ __forceinline__ unsigned char encode_e4m3(float value, bool saturate) {
    const unsigned int bits = bits_of(value), magnitude = bits & kMagnitudeMask;
    if (magnitude > kInfinity)
        return 0x7F;
    const unsigned int code = encode_magnitude<3, 7>(magnitude, saturate ? 0x7E : 0x7F);
    return static_cast<unsigned char>(code | (bits >> 24 & 0x80));
}

__device__ __forceinline__ unsigned char encode_e5m2(float value, bool saturate) {
    const unsigned int bits = bits_of(value), magnitude = bits & kMagnitudeMask;
    if (magnitude > kInfinity)
        return 0x7F;
    const unsigned int code = encode_magnitude<2, 15>(magnitude, saturate ? 0x7B : 0x7C);
    return static_cast<unsigned char>(code | (bits >> 24 & 0x80));
}

// Ties go towards zero, as in DeepGEMM's tests; zero has no sign and NaN becomes zero.
__device__ __forceinline__ unsigned int encode_e2m1_half_down(float value) {
    const unsigned int bits = bits_of(value);
    const float magnitude = float_of(bits & kMagnitudeMask);
    unsigned int code = 0;
    // The middles between neighbouring values; every comparison with NaN is false.
    code += magnitude > 0.25f;
    code += magnitude > 0.75f;
    code += magnitude > 1.25f;
    code += magnitude > 1.75f;
    code += magnitude > 2.5f;
    code += magnitude > 3.5f;
    code += magnitude > 5.0f;
    return code == 0 ? 0 : code | (bits >> 28 & 8);
}

// To nearest, ties to even; NaN becomes the largest value.
__device__ __forceinline__ unsigned int encode_e2m1(float value) {
    const unsigned int bits = bits_of(value), magnitude = bits & kMagnitudeMask;
    if (magnitude > kInfinity)
        return 7;
    return encode_magnitude<1, 1>(magnitude, 7) | (bits >> 28 & 8);
}

__device__ __forceinline__ unsigned short encode_half(float value) {
    const unsigned int bits = bits_of(value), magnitude = bits & kMagnitudeMask;
    const unsigned int code =
        magnitude > kInfinity ? 0x7E00 : encode_magnitude<10, 15>(magnitude, 0x7C00);
    return static_cast<unsigned short>(code | (bits >> 16 & 0x8000));
}

__device__ __forceinline__ unsigned short encode_bfloat16(float value) {
    const unsigned int bits = bits_of(value);
    if ((bits & kMagnitudeMask) > kInfinity)
        return 0x7FFF;
    return static_cast<unsigned short>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

__device__ __forceinline__ float decode_e4m3(unsigned int code) {
    const unsigned int magnitude = code & 0x7F;
    const unsigned int bits = magnitude == 0x7F ? 0x7FF00000u : decode_magnitude<3, 7>(magnitude);
    return float_of(bits | (code & 0x80) << 24);
}

__device__ __forceinline__ float decode_e5m2(unsigned int code) {
    const unsigned int magnitude = code & 0x7F;
    const unsigned int bits = magnitude < 0x7C    ? decode_magnitude<2, 15>(magnitude)
                              : magnitude == 0x7C ? kInfinity
                                                  : kQuietNaN;
    return float_of(bits | (code & 0x80) << 24);
}

__device__ __forceinline__ float decode_e2m1(unsigned int code) {
    return float_of(decode_magnitude<1, 1>(code & 7) | (code & 8) << 28);
}

// NaN keeps its payload and becomes quiet.
__device__ __forceinline__ float decode_half(unsigned int code) {
    const unsigned int magnitude = code & 0x7FFF;
    const unsigned int bits = magnitude < 0x7C00    ? decode_magnitude<10, 15>(magnitude)
                              : magnitude == 0x7C00 ? kInfinity
                                                    : magnitude << 13 | kQuietNaN;
    return float_of(bits | (code & 0x8000) << 16);
}

__device__ __forceinline__ float decode_bfloat16(unsigned int code) { return float_of(code << 16); }

// 2^(code-127); code 0 is the subnormal 2^-127, code 255 is NaN.
__device__ __forceinline__ float decode_e8m0(unsigned int code) {
    const unsigned int bits = code == 0 ? 0x00400000u : code << 23;
    return float_of(code == 0xFF ? kQuietNaN : bits);
}

// The number at an index, whatever its type. The type is the same for all threads of a launch.
__device__ __forceinline__ float load_number(const void* data, Number type, long long index) {
    switch (type) {
    case Number::Float32:
        return static_cast<const float*>(data)[index];
    case Number::Float16:
        return decode_half(static_cast<const unsigned short*>(data)[index]);
    case Number::BFloat16:
        return decode_bfloat16(static_cast<const unsigned short*>(data)[index]);
    case Number::E4M3:
        return decode_e4m3(static_cast<const unsigned char*>(data)[index]);
    default:
        return decode_e5m2(static_cast<const unsigned char*>(data)[index]);
    }
}

// Narrows a number and stores it.
__device__ __forceinline__ void store_number(void* data, Number type, long long index, float value,
                                             bool saturate) {
    switch (type) {
    case Number::Float32:
        static_cast<float*>(data)[index] = value;
        break;
    case Number::Float16:
        static_cast<unsigned short*>(data)[index] = encode_half(value);
        break;
    case Number::BFloat16:
        static_cast<unsigned short*>(data)[index] = encode_bfloat16(value);
        break;
    case Number::E4M3:
        static_cast<unsigned char*>(data)[index] = encode_e4m3(value, saturate);
        break;
    default:
        static_cast<unsigned char*>(data)[index] = encode_e5m2(value, saturate);
        break;
    }
}

} // namespace di::core
