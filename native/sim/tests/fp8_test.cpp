// SPDX-License-Identifier: MIT
// How eight-bit products are added: exactly, or as tensor cores do it, against a definition in
// whole numbers that is written from the published descriptions.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <vector>

#include "core/rng.h"
#include "sim_test.h"
#include "tensor/numbers.h"

extern "C" {
extern const di_sim_kernel_info di_sim_kernel_fp8_wgmma, di_sim_kernel_fp8_mma;
}

namespace cudasim::test {
namespace {

// An eight-bit number as a whole significand and the exponent of its last digit.
struct Number {
    long long significand; // with its sign
    int last;              // exponent of the last digit
    int first;             // exponent of the digit before the point
};

Number number_of(std::uint8_t code, bool e4m3) {
    const int digits = e4m3 ? 3 : 2, bias = e4m3 ? 7 : 15;
    int exponent = (code & 0x7f) >> digits, fraction = code & ((1 << digits) - 1);
    long long significand = exponent == 0 ? fraction : fraction | 1 << digits;
    int first = (exponent == 0 ? 1 : exponent) - bias;
    return {(code & 0x80) != 0 ? -significand : significand, first - digits, first};
}

// value * 2^last, of which the digits below 2^(top - 13) are dropped, in units of that.
long long aligned(long long value, int last, int top) {
    const int shift = last - (top - 13);
    if (shift >= 0)
        return value * (1LL << shift);
    return shift <= -62 ? 0 : value / (1LL << -shift); // towards zero
}

// c + sum of a[i] b[i] with 13 digits behind the point of the largest addend.
float truncated_sum(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b,
                    bool e4m3_a, bool e4m3_b, float c) {
    int top = -1000;
    long long c_significand = 0;
    int c_last = 0;
    if (c != 0) {
        int exponent = 0;
        c_significand = std::llround(std::ldexp(std::frexp(double{c}, &exponent), 24));
        c_last = exponent - 24;
        top = exponent - 1;
    }
    for (std::size_t i = 0; i < a.size(); ++i) {
        Number x = number_of(a[i], e4m3_a), y = number_of(b[i], e4m3_b);
        if (x.significand != 0 && y.significand != 0)
            top = std::max(top, x.first + y.first);
    }
    if (top == -1000)
        return 0;
    long long sum = aligned(c_significand, c_last, top);
    for (std::size_t i = 0; i < a.size(); ++i) {
        Number x = number_of(a[i], e4m3_a), y = number_of(b[i], e4m3_b);
        sum += aligned(x.significand * y.significand, x.last + y.last, top);
    }
    // Fourteen digits of the sum.
    long long magnitude = sum < 0 ? -sum : sum;
    int dropped = 0;
    while (magnitude >> dropped >= 1 << 14)
        ++dropped;
    magnitude = magnitude >> dropped << dropped;
    double value = std::ldexp(static_cast<double>(magnitude), top - 13);
    return static_cast<float>(sum < 0 ? -value : value);
}

class Environment {
  public:
    explicit Environment(const char* value) {
        setenv("DEEPINFRA_CUDASIM_FP8_ACCUMULATION", value, 1);
    }
    ~Environment() { unsetenv("DEEPINFRA_CUDASIM_FP8_ACCUMULATION"); }
};

constexpr unsigned kK = 32, kN = 8;

// All codes but NaN and infinity; every third matrix has numbers of one size, so that the sums
// grow.
struct Operands {
    Operands(unsigned seed, bool e4m3_a, bool e4m3_b) : a(64 * kK), b(kN * kK), d(64 * kN) {
        Rng rng(seed);
        auto code = [&](bool e4m3) {
            if (seed % 3 == 0)
                return static_cast<std::uint8_t>((e4m3 ? 0x38 : 0x3c) + rng.below(4));
            for (;;) {
                auto any = static_cast<std::uint8_t>(rng.below(256));
                if (e4m3 ? (any & 0x7f) != 0x7f : (any & 0x7f) < 0x7c)
                    return any;
            }
        };
        for (unsigned i = 0; i < a.size(); ++i)
            a[i] = code(e4m3_a);
        for (unsigned i = 0; i < b.size(); ++i)
            b[i] = code(e4m3_b);
        for (unsigned i = 0; i < d.size(); ++i)
            d[i] = i % 5 == 0 ? 0.0f
                              : std::ldexp(static_cast<float>(static_cast<int>(rng.below(1 << 24)) -
                                                              (1 << 23)),
                                           static_cast<int>(rng.below(24)) - 30);
    }
    std::vector<std::uint8_t> row_a(unsigned r) const { return row(a, r); }
    std::vector<std::uint8_t> row_b(unsigned c) const { return row(b, c); }

    Buffer<std::uint8_t> a, b;
    Buffer<float> d;

  private:
    static std::vector<std::uint8_t> row(const Buffer<std::uint8_t>& m, unsigned r) {
        auto* p = const_cast<Buffer<std::uint8_t>&>(m).data() + r * kK;
        return {p, p + kK};
    }
};

class Fp8Sums : public testing::TestWithParam<int> {};

TEST_P(Fp8Sums, AsHopperAddsThem_MatchTheDefinition) {
    Environment hopper("hopper");
    const bool e4m3_a = GetParam() % 2 == 0, e4m3_b = GetParam() / 2 == 0;
    unsigned cut = 0;
    for (unsigned seed = 1; seed <= 12; ++seed) {
        Operands o(seed, e4m3_a, e4m3_b);
        Buffer<float> out(64 * kN);
        for (int wgmma = e4m3_a == e4m3_b; wgmma >= 0; --wgmma) {
            const unsigned rows = wgmma != 0 ? 64 : 16;
            Dims dims;
            dims.block = {wgmma != 0 ? 128u : 32u, 1, 1};
            dims.shared = 4096;
            dims.seed = seed;
            Report r = launch(wgmma != 0 ? di_sim_kernel_fp8_wgmma : di_sim_kernel_fp8_mma, dims,
                              o.a.data(), o.b.data(), o.d.data(), out.data(), GetParam());
            ASSERT_TRUE(r.empty()) << r.text;
            for (unsigned i = 0; i < rows * kN; ++i) {
                auto a = o.row_a(i / kN), b = o.row_b(i % kN);
                ASSERT_EQ(out[i], truncated_sum(a, b, e4m3_a, e4m3_b, o.d[i])) << seed << " " << i;
                double exact = o.d[i];
                for (unsigned k = 0; k < kK; ++k) {
                    Number x = number_of(a[k], e4m3_a), y = number_of(b[k], e4m3_b);
                    exact += std::ldexp(static_cast<double>(x.significand * y.significand),
                                        x.last + y.last);
                }
                cut += std::fabs(out[i] - exact) > std::ldexp(std::fabs(exact), -20);
            }
        }
    }
    EXPECT_GT(cut, 1000u); // the option does something
}

TEST_P(Fp8Sums, ByDefault_AreExactBeforeTheyAreRounded) {
    const bool e4m3_a = GetParam() % 2 == 0, e4m3_b = GetParam() / 2 == 0;
    Operands o(3, e4m3_a, e4m3_b);
    Buffer<float> out(64 * kN);
    for (unsigned i = 0; i < 64 * kN; ++i)
        o.d[i] = static_cast<float>(i);
    Dims dims;
    dims.shared = 4096;
    Report r = launch(di_sim_kernel_fp8_mma, dims, o.a.data(), o.b.data(), o.d.data(), out.data(),
                      GetParam());
    ASSERT_TRUE(r.empty()) << r.text;
    for (unsigned i = 0; i < 16 * kN; ++i) {
        auto a = o.row_a(i / kN), b = o.row_b(i % kN);
        double exact = o.d[i]; // numbers from 1 to 2: exact in a float
        for (unsigned k = 0; k < kK; ++k) {
            Number x = number_of(a[k], e4m3_a), y = number_of(b[k], e4m3_b);
            exact +=
                std::ldexp(static_cast<double>(x.significand * y.significand), x.last + y.last);
        }
        ASSERT_EQ(out[i], exact) << i;
    }
}

INSTANTIATE_TEST_SUITE_P(Types, Fp8Sums, testing::Range(0, 4));

TEST(Fp8Accumulation, UnknownWord_IsReported) {
    Environment wrong("hoper");
    Operands o(1, true, true);
    Buffer<float> out(64 * kN);
    Dims dims;
    dims.shared = 4096;
    Report r =
        launch(di_sim_kernel_fp8_mma, dims, o.a.data(), o.b.data(), o.d.data(), out.data(), 0);
    EXPECT_EQ(r.kind, "invalid argument");
    EXPECT_NE(r.text.find("\"hoper\", expected exact or hopper"), std::string::npos) << r.text;
}

} // namespace
} // namespace cudasim::test
