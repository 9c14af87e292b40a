// SPDX-License-Identifier: MIT
// Conversions between float and the small formats, round to nearest even.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace cudasim {

inline std::uint32_t float_bits(float f) {
    std::uint32_t u;
    std::memcpy(&u, &f, 4);
    return u;
}
inline float bits_float(std::uint32_t u) {
    float f;
    std::memcpy(&f, &u, 4);
    return f;
}

inline float bf16_to_float(std::uint16_t h) { return bits_float(std::uint32_t{h} << 16); }
inline std::uint16_t float_to_bf16(float f) {
    std::uint32_t u = float_bits(f);
    if ((u & 0x7fffffffu) > 0x7f800000u)
        return 0x7fff;
    return static_cast<std::uint16_t>((u + 0x7fffu + ((u >> 16) & 1)) >> 16);
}

// A format with a sign, exponent bits (given bias) and mantissa bits; subnormals exact in float.
inline float small_to_float(std::uint32_t sign, std::uint32_t exponent, std::uint32_t mantissa,
                            int mantissa_bits, int bias) {
    float magnitude = exponent == 0
                          ? std::ldexp(static_cast<float>(mantissa), 1 - bias - mantissa_bits)
                          : std::ldexp(static_cast<float>((1u << mantissa_bits) | mantissa),
                                       static_cast<int>(exponent) - bias - mantissa_bits);
    return sign != 0 ? -magnitude : magnitude;
}

inline float half_to_float(std::uint16_t h) {
    std::uint32_t sign = std::uint32_t{h} >> 15 << 31, magnitude = h & 0x7fffu;
    // The product moves the exponent's bias and normalises subnormals, both exactly.
    std::uint32_t finite = float_bits(bits_float(magnitude << 13) * 0x1p112f);
    std::uint32_t special = 0x7f800000u | magnitude << 13;
    return bits_float(sign | (magnitude < 0x7c00u ? finite : special));
}
inline std::uint16_t float_to_half(float f) {
    std::uint32_t u = float_bits(f);
    auto sign = static_cast<std::uint16_t>((u >> 16) & 0x8000u);
    u &= 0x7fffffffu;
    if (u > 0x7f800000u)
        return 0x7fff;
    if (u >= 0x477ff000u)
        return static_cast<std::uint16_t>(sign | 0x7c00u);
    if (u < 0x38800000u) {
        float scaled = std::ldexp(bits_float(u), 24);
        return static_cast<std::uint16_t>(sign |
                                          static_cast<std::uint16_t>(std::nearbyintf(scaled)));
    }
    u += 0xfffu + ((u >> 13) & 1);
    return static_cast<std::uint16_t>(sign | ((u - 0x38000000u) >> 13));
}

inline float e4m3_to_float(std::uint8_t b) {
    if ((b & 0x7f) == 0x7f)
        return bits_float(0x7fc00000u);
    return small_to_float(b >> 7, (b >> 3) & 15, b & 7, 3, 7);
}
inline float e5m2_to_float(std::uint8_t b) {
    return half_to_float(static_cast<std::uint16_t>(b << 8));
}

// Tensor cores read the upper 19 bits of a tf32 operand.
inline float tf32_to_float(std::uint32_t u) { return bits_float(u & 0xffffe000u); }

} // namespace cudasim
