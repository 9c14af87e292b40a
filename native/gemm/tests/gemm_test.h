// SPDX-License-Identifier: MIT
// What the tests of all matrix multiplications share: the result with its optional c and bias, and
// the comparison with sums in binary64.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <gtest/gtest.h>
#include <memory>
#include <utility>
#include <vector>

#include "core/rng.h"
#include "sim_test.h"
#include "tests/reference/gemm.h"
#include "tests/reference/numbers.h"

namespace cudasim::test {

namespace reference = di::reference;

// di::gemm::OutputParams as the kernels have it.
struct OutputParams {
    void* d;
    const void* c;
    const void* bias;
    std::int64_t d_stride;
    std::int64_t c_stride;
    std::int32_t m;
    std::int32_t n;
    std::int32_t type; // 0 binary32, 1 bfloat16
    std::int32_t bias_type;
};

// The rows of every operand and result are this much longer than it.
constexpr unsigned kPadding = 16;

inline unsigned round_up(unsigned value, unsigned step) { return (value + step - 1) / step * step; }

struct Case {
    unsigned m, n, k;
    bool accumulates = false;
    bool has_bias = false;
};

// d of type T (float, or std::uint16_t for bfloat16) with what is added to it.
template <typename T> class Output {
  public:
    // The sums are without c and bias.
    Output(const Case& shape, std::vector<reference::Sum> sums, Rng& rng)
        : shape_(shape), stride_(round_up(shape.n, 8) + kPadding), sums_(std::move(sums)),
          d_(shape.m * stride_), c_(shape.m * stride_), bias_(shape.n) {
        for (std::size_t i = 0; i < c_.size(); ++i)
            c_[i] = number(rng);
        for (std::size_t i = 0; i < bias_.size(); ++i)
            bias_[i] = float_number(rng);
        for (unsigned row = 0; row < shape.m; ++row)
            for (unsigned column = 0; column < shape.n; ++column) {
                reference::Sum& sum = sums_[row * shape.n + column];
                if (shape.accumulates)
                    sum.add(value_of(c_[row * stride_ + column]));
                if (shape.has_bias)
                    sum.add(bias_[column]);
            }
    }

    OutputParams params() {
        OutputParams out{};
        out.d = d_.data();
        out.c = shape_.accumulates ? c_.data() : nullptr;
        out.bias = shape_.has_bias ? bias_.data() : nullptr;
        out.d_stride = out.c_stride = static_cast<std::int64_t>(stride_);
        out.m = static_cast<std::int32_t>(shape_.m);
        out.n = static_cast<std::int32_t>(shape_.n);
        out.type = sizeof(T) == 2;
        return out;
    }

    void clear() {
        for (std::size_t i = 0; i < d_.size(); ++i)
            d_[i] = untouched_;
    }

    // The largest error, relative to the sum of the terms' magnitudes.
    double worst() {
        double worst = 0;
        for (unsigned row = 0; row < shape_.m; ++row)
            for (unsigned column = 0; column < shape_.n; ++column) {
                const reference::Sum& want = sums_[row * shape_.n + column];
                const double error = std::fabs(value_of(d_[row * stride_ + column]) - want.value);
                if (error > 0)
                    worst = std::max(worst, error / want.magnitude);
            }
        return worst;
    }

    // Every element is right, up to 2^exponent of its terms' magnitudes, and nothing beside them is
    // written.
    void check(int exponent = -20) {
        for (unsigned row = 0; row < shape_.m; ++row) {
            for (unsigned column = 0; column < shape_.n; ++column) {
                const reference::Sum& want = sums_[row * shape_.n + column];
                const double allowed =
                    (sizeof(T) == 2 ? std::ldexp(std::fabs(want.value), -8) : 0) +
                    std::ldexp(want.magnitude, exponent);
                ASSERT_NEAR(value_of(d_[row * stride_ + column]), want.value, allowed)
                    << "at " << row << ',' << column;
            }
            for (std::size_t column = shape_.n; column < stride_; ++column)
                ASSERT_EQ(d_[row * stride_ + column], untouched_)
                    << "outside at " << row << ',' << column;
        }
    }

  private:
    static double value_of(float value) { return value; }
    static double value_of(std::uint16_t value) { return reference::bfloat16_value(value); }
    static float float_number(Rng& rng) {
        return static_cast<float>(static_cast<int>(rng.below(513)) - 256) / 8;
    }
    static T number(Rng& rng) {
        if constexpr (sizeof(T) == 2)
            return reference::to_bfloat16(float_number(rng));
        else
            return float_number(rng);
    }

    static constexpr T untouched_ = 77;
    Case shape_;
    std::size_t stride_;
    std::vector<reference::Sum> sums_;
    Buffer<T> d_, c_;
    Buffer<float> bias_;
};

} // namespace cudasim::test
