// SPDX-License-Identifier: MIT
// Values of the narrow number formats in binary64, where all of them are exact. Written from the
// definitions of the formats, independent of what kernels and simulator do.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace di::reference {

// A sign, exponent bits and mantissa bits from the top down; every code is finite.
inline double finite_value(unsigned code, int exponent_bits, int mantissa_bits) {
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const int mantissa = static_cast<int>(code & ((1u << mantissa_bits) - 1));
    const int exponent = static_cast<int>(code >> mantissa_bits & ((1u << exponent_bits) - 1));
    const bool is_negative = (code >> (exponent_bits + mantissa_bits) & 1) != 0;
    const double magnitude = exponent == 0 ? std::ldexp(mantissa, 1 - bias - mantissa_bits)
                                           : std::ldexp((1 << mantissa_bits) + mantissa,
                                                        exponent - bias - mantissa_bits);
    return is_negative ? -magnitude : magnitude;
}

// The same where the largest exponent means infinity and NaN.
inline double ieee_value(unsigned code, int exponent_bits, int mantissa_bits) {
    const unsigned largest = (1u << exponent_bits) - 1;
    if ((code >> mantissa_bits & largest) != largest)
        return finite_value(code, exponent_bits, mantissa_bits);
    if ((code & ((1u << mantissa_bits) - 1)) != 0)
        return std::numeric_limits<double>::quiet_NaN();
    const double infinity = std::numeric_limits<double>::infinity();
    return (code >> (exponent_bits + mantissa_bits) & 1) != 0 ? -infinity : infinity;
}

// The upper half of a binary32.
inline double bfloat16_value(std::uint16_t code) {
    const std::uint32_t bits = std::uint32_t{code} << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

inline double half_value(std::uint16_t code) { return ieee_value(code, 5, 10); }
inline double e5m2_value(std::uint8_t code) { return ieee_value(code, 5, 2); }

// No infinities; NaN is all ones behind the sign.
inline double e4m3_value(std::uint8_t code) {
    return (code & 0x7F) == 0x7F ? std::numeric_limits<double>::quiet_NaN()
                                 : finite_value(code, 4, 3);
}

// The low four bits: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives.
inline double e2m1_value(unsigned code) { return finite_value(code & 0xF, 2, 1); }

// A power of two; 255 is NaN.
inline double e8m0_value(std::uint8_t code) {
    return code == 0xFF ? std::numeric_limits<double>::quiet_NaN() : std::ldexp(1.0, code - 127);
}

// The bfloat16 next to a finite float, ties to even.
inline std::uint16_t to_bfloat16(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

} // namespace di::reference
