// SPDX-License-Identifier: MIT
#include "tensor/fp8_sum.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "core/report.h"
#include "tensor/numbers.h"

namespace cudasim {

namespace {

constexpr int kFractionBits = 13, kFloatFractionBits = 23, kMaxK = 32;

// Exponent of a number's leading digit as its format has it: subnormal ones have the smallest.
int exponent_of(float value, int smallest) { return std::max(std::ilogb(value), smallest); }
int smallest_exponent(int type) { return type == DI_SIM_E4M3 ? -6 : -14; }
constexpr int kSmallestFloat = -126;

float cut_fraction(float value) {
    return bits_float(float_bits(value) & ~((1u << (kFloatFractionBits - kFractionBits)) - 1));
}

float add_products(const float* a, const float* b, int stride_b, float d, int k, int smallest_a,
                   int smallest_b) {
    float products[kMaxK], plain = d;
    int top = d != 0 ? exponent_of(d, kSmallestFloat) : kSmallestFloat;
    for (int i = 0; i < k; ++i) {
        const float x = a[i], y = b[i * stride_b];
        products[i] = x * y; // exact
        plain += products[i];
        if (products[i] == 0 || !std::isfinite(products[i]))
            continue;
        top = std::max(top, exponent_of(x, smallest_a) + exponent_of(y, smallest_b));
    }
    if (!std::isfinite(plain))
        return plain;
    auto cut = [&](float addend) {
        return std::trunc(std::ldexp(double{addend}, kFractionBits - top));
    };
    double sum = cut(d); // whole numbers below 2^21: exact
    for (int i = 0; i < k; ++i)
        sum += cut(products[i]);
    return cut_fraction(static_cast<float>(std::ldexp(sum, top - kFractionBits)));
}

} // namespace

bool truncates_fp8(Thread* t, const void* caller) {
    const char* text = std::getenv("DEEPINFRA_CUDASIM_FP8_ACCUMULATION");
    if (text == nullptr || *text == '\0' || std::strcmp(text, "exact") == 0)
        return false;
    if (std::strcmp(text, "hopper") != 0) {
        fail(t, caller, "invalid argument",
             "DEEPINFRA_CUDASIM_FP8_ACCUMULATION is \"%s\", expected exact or hopper", text);
    }
    return true;
}

void multiply_truncating(const float* a, const float* b, float* d, int rows, int n, int k,
                         int type_a, int type_b) {
    const int smallest_a = smallest_exponent(type_a), smallest_b = smallest_exponent(type_b);
    for (int r = 0; r < rows; ++r)
        for (int c = 0; c < n; ++c)
            d[r * n + c] =
                add_products(a + r * k, b + c, n, d[r * n + c], k, smallest_a, smallest_b);
}

} // namespace cudasim
