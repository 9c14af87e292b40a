// SPDX-License-Identifier: MIT
// The C ABI of the CPU kernels: what it says of itself, what it refuses before any work, and its
// sums beside plain loops.
#include <fstream>
#include <functional>
#include <random>
#include <set>
#include <sstream>

#include "gemm_cpu_product.h"

namespace di::test {
namespace {

bool has_kernel() { return (di_gemm_cpu_kernels() & DI_GEMM_CPU_KERNEL_BF16) != 0; }

#define REQUIRE_KERNEL()                                                                           \
    if (!has_kernel())                                                                             \
    GTEST_SKIP() << "this processor has no AVX512-BF16"

TEST(GemmCpuAbi, Version_is_the_one_of_the_header) {
    EXPECT_EQ(di_gemm_cpu_abi_version(), DI_GEMM_CPU_ABI_VERSION);
}

TEST(GemmCpuAbi, Build_info_says_nothing_of_CUDA) {
    const std::string info = di_gemm_cpu_build_info();

    EXPECT_EQ(info.front(), '{');
    EXPECT_EQ(info.back(), '}');
    for (const char* key : {"\"version\":", "\"commit\":", "\"compiler\":"})
        EXPECT_NE(info.find(key), std::string::npos) << key;
    EXPECT_EQ(info.find("cuda"), std::string::npos);
}

TEST(GemmCpuAbi, Layout_lists_every_field_of_the_parameters) {
    int32_t count = 0;
    const di_abi_field* fields = di_gemm_cpu_abi_layout(&count);

    std::set<std::string> names;
    for (int32_t i = 0; i < count; i++) {
        EXPECT_STREQ(fields[i].type_name, "di_gemm_cpu_bf16_params");
        EXPECT_EQ(fields[i].type_size, sizeof(di_gemm_cpu_bf16_params));
        EXPECT_LT(fields[i].field_offset, fields[i].type_size);
        EXPECT_TRUE(names.insert(fields[i].field_name).second);
    }
    EXPECT_EQ(names.size(), 9u);
    EXPECT_TRUE(names.contains("struct_size"));
    EXPECT_TRUE(names.contains("overwrite"));
    EXPECT_EQ(di_gemm_cpu_abi_layout(nullptr), fields);
}

TEST(GemmCpuAbi, Last_error_refuses_null_and_a_short_record) {
    di_error_info info{};
    info.struct_size = sizeof info - 1;

    EXPECT_EQ(di_gemm_cpu_last_error(nullptr), DI_STATUS_INVALID_ARGUMENT);
    EXPECT_EQ(di_gemm_cpu_last_error(&info), DI_STATUS_INVALID_ARGUMENT);
}

// Linux lists what it saves the registers of; the library asks the processor.
TEST(GemmCpuAbi, Kernels_are_those_that_the_system_says_it_runs) {
    std::ifstream file("/proc/cpuinfo");
    std::string line;
    std::set<std::string> flags;
    while (flags.empty() && std::getline(file, line)) {
        std::istringstream words(line);
        std::string word;
        if (words >> word && word == "flags")
            while (words >> word)
                flags.insert(word);
    }
    bool expected = true;
    for (const char* flag : {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_bf16"})
        expected = expected && flags.contains(flag);

    EXPECT_EQ(has_kernel(), expected);
}

Product small() {
    Product product(20, 64, 32, true, false);
    for (size_t i = 0; i < product.a.size(); i++)
        product.a[i] = to_bf16(1);
    for (size_t i = 0; i < product.b.size(); i++)
        product.b[i] = to_bf16(1);
    for (size_t i = 0; i < product.scale_a.size(); i++)
        product.scale_a[i] = 1;
    for (size_t i = 0; i < product.scale_b.size(); i++)
        product.scale_b[i] = 1;
    return product;
}

// A call that is right but for one change; nothing may be written.
void expect_refused(const std::function<di_status(Product&)>& call, const char* text) {
    Product product = small();
    EXPECT_EQ(call(product), DI_STATUS_INVALID_ARGUMENT) << text;
    EXPECT_NE(last_message().find(text), std::string::npos) << text << ": " << last_message();
    for (size_t i = 0; i < product.tiles.size(); i++)
        ASSERT_EQ(product.tiles[i], kUntouched) << text;
}

TEST(GemmCpuMultiply, Without_a_change_the_refused_call_is_right) {
    Product product = small();

    EXPECT_EQ(product.run(), has_kernel() ? DI_STATUS_OK : DI_STATUS_NOT_SUPPORTED);
}

TEST(GemmCpuMultiply, Refuses_bad_addresses) {
    // Which argument is replaced, and by what.
    auto with = [](int argument, int offset) {
        return [=](Product& p) {
            const void* addresses[] = {p.a.get(), p.b.get(), p.scale_a.get(), p.scale_b.get(),
                                       p.tiles.get()};
            addresses[argument] =
                offset == 0 ? nullptr : static_cast<const char*>(addresses[argument]) + offset;
            return di_gemm_cpu_multiply_bf16(
                static_cast<const uint16_t*>(addresses[0]),
                static_cast<const uint16_t*>(addresses[1]), static_cast<const float*>(addresses[2]),
                static_cast<const float*>(addresses[3]),
                static_cast<float*>(const_cast<void*>(addresses[4])), &p.params);
        };
    };

    expect_refused(with(2, 0), "scale_a: an address");
    for (int offset : {0, 4, 32}) {
        expect_refused(with(0, offset), "a: expected a multiple of 64 bytes");
        expect_refused(with(1, offset), "b: expected a multiple of 64 bytes");
        expect_refused(with(3, offset), "scale_b: expected a multiple of 64 bytes");
        expect_refused(with(4, offset), "tiles: expected a multiple of 64 bytes");
    }
}

TEST(GemmCpuMultiply, Refuses_bad_parameter_blocks) {
    auto of_size = [](uint32_t size) {
        return [=](Product& p) {
            p.params.struct_size = size;
            return p.run();
        };
    };

    expect_refused(
        [](Product& p) {
            return di_gemm_cpu_multiply_bf16(p.a.get(), p.b.get(), p.scale_a.get(), p.scale_b.get(),
                                             p.tiles.get(), nullptr);
        },
        "params is null");
    expect_refused(of_size(0), "expected struct_size of at least 36, got 0");
    expect_refused(of_size(sizeof(di_gemm_cpu_bf16_params) - 4), "at least 36, got 32");
    expect_refused(of_size(1u << 20), "struct_size 1048576 is not a size of this block");
    expect_refused(
        [](Product& p) {
            // A field that was added later, and asks for something.
            struct {
                di_gemm_cpu_bf16_params known;
                uint32_t later;
            } block{p.params, 1};
            block.known.struct_size = sizeof block;
            return di_gemm_cpu_multiply_bf16(p.a.get(), p.b.get(), p.scale_a.get(), p.scale_b.get(),
                                             p.tiles.get(), &block.known);
        },
        "byte 36 belongs to a field this library does not know");
}

TEST(GemmCpuMultiply, Refuses_bad_extents) {
    using Params = di_gemm_cpu_bf16_params;
    auto with = [](auto Params::*field, auto value) {
        return [=](Product& p) {
            p.params.*field = value;
            return p.run();
        };
    };

    for (int panels : {0, -1, INT32_MIN})
        expect_refused(with(&Params::row_panels, panels), "row_panels: at least 1");
    // Two panels hold 2 to 28 rows.
    for (int rows : {0, 1, -5, 29, INT32_MAX})
        expect_refused(with(&Params::rows, rows), "rows: 1 to 14 for each row panel");
    expect_refused(with(&Params::row_panels, 21), "rows: 1 to 14 for each row panel");
    expect_refused(with(&Params::row_major, 2u), "row_major: 0 or 1");
    expect_refused(with(&Params::overwrite, 2u), "overwrite: 0 or 1");
    for (int depth : {0, -2, 129, INT32_MAX})
        expect_refused(with(&Params::depth, depth), "depth: 1 to 128");
    for (int step : {0, -2, 1, 33, 63, INT32_MIN})
        expect_refused(with(&Params::step, step), "step: an even number, or one not below depth");
}

TEST(GemmCpuMultiply, Refuses_bad_strides) {
    using Params = di_gemm_cpu_bf16_params;
    auto with = [](int32_t Params::*field, int value) {
        return [=](Product& p) {
            p.params.*field = value;
            return p.run();
        };
    };

    for (int stride : {0, 19, -20})
        expect_refused(with(&Params::scale_stride_a, stride), "scale strides");
    for (int stride : {0, 16, 31, 33, 40, -48})
        expect_refused(with(&Params::scale_stride_b, stride), "scale strides");
}

// Values of a kind, exact in bfloat16.
using Values = std::function<float(std::mt19937&)>;

// Integers so small that every sum is exact, in whatever order, with power_of_two as scales.
float small_integer(std::mt19937& random) { return static_cast<float>(random() % 17) - 8; }

// What bfloat16 can hold, over eight binades.
float bfloat16(std::mt19937& random) {
    const float mantissa = 1 + static_cast<float>(random() % 128) / 128;
    const float sign = random() % 2 == 0 ? 1 : -1;
    return sign * std::ldexp(mantissa, static_cast<int>(random() % 8) - 4);
}

// The number that a code of OCP's FP8 E4M3 stands for.
float e4m3(std::mt19937& random) {
    unsigned code;
    do {
        code = random() % 256;
    } while ((code & 0x7F) == 0x7F); // NaN
    const int exponent = static_cast<int>(code >> 3 & 15);
    const float mantissa = static_cast<float>(code & 7) / 8;
    const float magnitude =
        exponent == 0 ? std::ldexp(mantissa, -6) : std::ldexp(1 + mantissa, exponent - 7);
    return (code & 0x80) != 0 ? -magnitude : magnitude;
}

float power_of_two(std::mt19937& random) {
    return std::ldexp(1.0f, static_cast<int>(random() % 3) - 1);
}

float any_scale(std::mt19937& random) {
    return std::uniform_real_distribution<float>(0.01f, 3.0f)(random);
}

// Multiplies and compares with a double loop: to the last bit, or within the sum of all roundings.
void check(Product& product, const Values& value, const Values& scale, bool is_exact) {
    const auto& p = product.params;
    std::mt19937 random(12345);
    std::vector<float> a(static_cast<size_t>(p.rows) * kDepth), b(kDepth * kColumns);
    for (int k = 0; k < product.padded_depth(); k++) {
        for (int row = 0; row < p.rows; row++) {
            const float x = k < p.depth ? value(random) : 0;
            a[static_cast<size_t>(row) * kDepth + k] = x;
            product.a_at(row, k) = to_bf16(x);
        }
        for (int column = 0; column < kColumns; column++) {
            const float x = k < p.depth ? value(random) : 0;
            b[static_cast<size_t>(k) * kColumns + column] = x;
            product.b_at(k, column) = to_bf16(x);
        }
    }
    for (int step = 0; step < product.steps(); step++) {
        for (int row = 0; row < p.rows; row++)
            product.scale_a_at(step, row) = scale(random);
        for (int column = 0; column < kColumns; column++)
            product.scale_b_at(step, column) = scale(random);
    }
    if (p.overwrite == 0)
        for (int row = 0; row < p.rows; row++)
            for (int column = 0; column < kColumns; column++)
                product.tile_at(row, column) = static_cast<float>(row - column);

    ASSERT_EQ(product.run(), DI_STATUS_OK) << last_message();

    for (int row = 0; row < p.rows; row++)
        for (int column = 0; column < kColumns; column++) {
            double sum = p.overwrite != 0 ? 0 : row - column, magnitude = std::fabs(sum);
            for (int k = 0; k < p.depth; k++) {
                const int step = k / p.step;
                const double term = static_cast<double>(product.scale_a_at(step, row)) *
                                    product.scale_b_at(step, column) *
                                    a[static_cast<size_t>(row) * kDepth + k] *
                                    b[static_cast<size_t>(k) * kColumns + column];
                sum += term;
                magnitude += std::fabs(term);
            }
            // One rounding for every product; scales, scaling and adding round once each a step.
            const double limit =
                is_exact ? 0 : magnitude * (p.depth + 4 * product.steps()) * 0x1p-24;
            ASSERT_NEAR(product.tile_at(row, column), sum, limit) << "at " << row << ", " << column;
            product.tile_at(row, column) = kUntouched;
        }
    // Rows of a tile that no row of A has.
    for (size_t i = 0; i < product.tiles.size(); i++)
        ASSERT_EQ(product.tiles[i], kUntouched);
}

TEST(GemmCpuMultiply, Small_integers_are_multiplied_exactly_in_every_form) {
    REQUIRE_KERNEL();
    for (int rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 27, 43})
        for (int depth : {1, 2, 7, 64, 127, 128})
            for (int step : {2, 30, 32, 127, 128, 1000})
                for (bool row_major : {false, true})
                    for (bool overwrite : {false, true}) {
                        // An odd step is allowed where there is one only.
                        if (step % 2 != 0 && step < depth)
                            continue;
                        Product product(rows, depth, step, row_major, overwrite);
                        SCOPED_TRACE(testing::Message()
                                     << rows << " rows, depth " << depth << ", step " << step
                                     << (row_major ? ", row-major" : ", column-major")
                                     << (overwrite ? ", overwriting" : ", adding"));
                        ASSERT_NO_FATAL_FAILURE(check(product, small_integer, power_of_two, true));
                    }
}

TEST(GemmCpuMultiply, BFloat16_is_within_the_roundings_of_a_double_loop) {
    REQUIRE_KERNEL();
    for (bool row_major : {false, true}) {
        Product product(23, 128, 128, row_major, true);
        ASSERT_NO_FATAL_FAILURE(check(product, bfloat16, any_scale, false));
    }
}

TEST(GemmCpuMultiply, Fp8_with_scales_of_blocks_is_within_the_roundings_of_a_double_loop) {
    REQUIRE_KERNEL();
    for (int step : {32, 128})
        for (bool row_major : {false, true}) {
            Product product(28, 128, step, row_major, false);
            ASSERT_NO_FATAL_FAILURE(check(product, e4m3, any_scale, false));
        }
}

TEST(GemmCpuMultiply, Takes_subnormal_numbers_for_zero_and_hands_on_what_is_not_finite) {
    REQUIRE_KERNEL();
    Product product = small();
    product.params.overwrite = 1;
    product.a_at(0, 3) = to_bf16(kNan);
    product.a_at(1, 3) = to_bf16(HUGE_VALF);
    for (int k = 0; k < product.params.depth; k++)
        product.a_at(2, k) = 1; // 2^-133

    ASSERT_EQ(product.run(), DI_STATUS_OK) << last_message();

    for (int column = 0; column < kColumns; column++) {
        EXPECT_TRUE(std::isnan(product.tile_at(0, column)));
        EXPECT_EQ(product.tile_at(1, column), HUGE_VALF);
        EXPECT_EQ(product.tile_at(2, column), 0);
        EXPECT_EQ(product.tile_at(3, column), 64);
    }
}

} // namespace
} // namespace di::test
