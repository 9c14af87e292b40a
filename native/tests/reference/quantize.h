// SPDX-License-Identifier: MIT
// Fine-grained FP8 quantisation of one block. Every step is computed in binary64 and rounded once
// to binary32, which gives the binary32 result exactly: a quotient or product of two 24-bit numbers
// does not change if it is rounded to 53 bits first.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "tests/reference/numbers.h"

namespace di::reference {

struct BlockScale {
    float value;
    float factor; // what elements are multiplied with
    int exponent; // of the value as E8M0, if it is a power of two
};

// scale = amax / max, or amax times the rounded 1 / max, rounded up to a power of two if asked for.
// amax is at least 1e-4; max is the largest number of the format.
inline BlockScale block_scale(float amax, double max, bool multiply_reciprocal, bool power_of_two) {
    amax = std::max(amax, 1e-4f);
    const auto scale = static_cast<float>(
        multiply_reciprocal ? double{amax} * static_cast<float>(1 / max) : double{amax} / max);
    if (power_of_two) {
        int exponent;
        const float mantissa = std::frexp(scale, &exponent); // in [0.5, 1)
        if (mantissa == 0.5f)
            exponent--;
        return {std::ldexp(1.0f, exponent), std::ldexp(1.0f, -exponent), exponent + 127};
    }
    const double factor = multiply_reciprocal ? max / double{amax} : 1 / double{scale};
    return {scale, static_cast<float>(factor), 0};
}

// The code nearest to a finite value, ties to even; too large values become the largest code.
// value_of gives the values of codes, which grow with the code up to `largest`.
template <typename ValueOf>
std::uint8_t nearest_code(double value, std::uint8_t largest, ValueOf value_of) {
    const double magnitude = std::fabs(value);
    int best = 0;
    for (int code = 1; code <= largest; code++) {
        const double distance = std::fabs(value_of(static_cast<std::uint8_t>(code)) - magnitude);
        const double shortest = std::fabs(value_of(static_cast<std::uint8_t>(best)) - magnitude);
        if (distance < shortest || (distance == shortest && code % 2 == 0))
            best = code;
    }
    return static_cast<std::uint8_t>(best | (std::signbit(value) ? 0x80 : 0));
}

} // namespace di::reference
