// SPDX-License-Identifier: MIT
// Fills, casts and comparisons on the simulator, all checks on.
#include <cmath>
#include <cstring>

#include "core_test.h"

#define DECLARE(name) extern "C" const di_sim_kernel_info di_sim_kernel_##name
DECLARE(core_cast);
DECLARE(core_compare);
DECLARE(core_compare_reset);
DECLARE(core_fill_8);
DECLARE(core_fill_16);
DECLARE(core_fill_32);
DECLARE(core_fill_64);
DECLARE(core_fill_bytes16);
#undef DECLARE

namespace cudasim::test {
namespace {

// Every third element of 700 becomes the low bytes of a number.
template <typename T> void check_fill(const di_sim_kernel_info& kernel) {
    constexpr std::uint64_t kBits = 0x8877665544332211;
    Buffer<T> data(3 * 700);
    const core::FillParams params{data.data(), kBits, layout_of<1>({{20, {3 * 35}}, {35, {3}}})};
    Dims dims = utility_dims(2);
    expect_right_on_all_seeds(
        [&](unsigned seed) {
            for (std::size_t i = 0; i < data.size(); ++i)
                data[i] = 7;
            dims.seed = seed;
            return launch(kernel, dims, params);
        },
        [&] {
            for (std::size_t i = 0; i < data.size(); ++i)
                ASSERT_EQ(data[i], static_cast<T>(i % 3 == 0 ? kBits : 7)) << "element " << i;
        });
}

TEST(CoreFill, ManySchedules_AnyWidth_WritesTheElementsOnly) {
    check_fill<std::uint8_t>(di_sim_kernel_core_fill_8);
    check_fill<std::uint16_t>(di_sim_kernel_core_fill_16);
    check_fill<std::uint32_t>(di_sim_kernel_core_fill_32);
    check_fill<std::uint64_t>(di_sim_kernel_core_fill_64);
}

TEST(CoreFill, ManySchedules_BlocksOf16Bytes_AreFilled) {
    constexpr std::uint64_t kBits = 0x1122334455667788;
    Buffer<std::uint64_t> data(2 * 600 + 2);
    const core::FillParams params{data.data(), kBits, layout_of<1>({{600, {1}}})};
    Dims dims = utility_dims(2);
    expect_right_on_all_seeds(
        [&](unsigned seed) {
            for (std::size_t i = 0; i < data.size(); ++i)
                data[i] = 7;
            dims.seed = seed;
            return launch(di_sim_kernel_core_fill_bytes16, dims, params);
        },
        [&] {
            for (std::size_t i = 0; i < data.size(); ++i)
                ASSERT_EQ(data[i], i < 1200 ? kBits : 7) << "word " << i;
        });
}

// All E4M3 codes to half precision, and back to the codes that they were.
TEST(CoreCast, ManySchedules_E4m3ThroughHalf_KeepsEveryCode) {
    Buffer<std::uint8_t> codes(256), back(256);
    Buffer<std::uint16_t> halves(512);
    for (std::size_t i = 0; i < 256; ++i)
        codes[i] = static_cast<std::uint8_t>(i);
    const auto forth = layout_of<2>({{256, {1, 2}}}), again = layout_of<2>({{256, {2, 1}}});
    const core::CastParams widen{codes.data(),          halves.data(), core::Number::E4M3,
                                 core::Number::Float16, false,         forth};
    const core::CastParams narrow{halves.data(),      back.data(), core::Number::Float16,
                                  core::Number::E4M3, true,        again};
    Dims dims = utility_dims(1);
    expect_right_on_all_seeds(
        [&](unsigned seed) {
            for (std::size_t i = 0; i < 256; ++i)
                back[i] = 0;
            dims.seed = seed;
            const Report report = launch(di_sim_kernel_core_cast, dims, widen);
            return report.empty() ? launch(di_sim_kernel_core_cast, dims, narrow) : report;
        },
        [&] {
            for (std::size_t i = 0; i < 256; ++i) {
                if ((i & 0x7F) == 0x7F) { // NaN loses its sign
                    ASSERT_EQ(back[i] & 0x7F, 0x7F) << "code " << i;
                    continue;
                }
                ASSERT_EQ(reference::half_value(halves[2 * i]), reference::e4m3_value(codes[i]));
                ASSERT_EQ(back[i], codes[i]);
            }
        });
}

TEST(CoreCompare, ManySchedules_KnownDifferences_AreCounted) {
    constexpr std::size_t kCount = 1500;
    Buffer<float> actual(kCount), expected(kCount);
    Buffer<unsigned long long> different(1), first(1);
    Buffer<unsigned> largest(1), unordered(1);
    for (std::size_t i = 0; i < kCount; ++i) {
        expected[i] = static_cast<float>(i) / 64;
        // Within the tolerance nearly everywhere.
        actual[i] = expected[i] + (i % 100 == 77 ? 1.0f : i % 7 == 0 ? 0.25f : 0.0f);
    }
    actual[1000] = std::nanf("");
    actual[1200] += 8;
    core::CompareParams params{};
    params.actual = actual.data();
    params.expected = expected.data();
    params.different = different.data();
    params.first = first.data();
    params.largest_bits = largest.data();
    params.unordered = unordered.data();
    params.actual_type = params.expected_type = core::Number::Float32;
    params.absolute = 0.5f;
    params.layout = layout_of<2>({{kCount, {1, 1}}});
    Dims dims = utility_dims(3);
    expect_right_on_all_seeds(
        [&](unsigned seed) {
            different[0] = first[0] = 1;
            largest[0] = unordered[0] = 1;
            dims.seed = seed;
            const Report report = launch(di_sim_kernel_core_compare_reset, dims, params);
            return report.empty() ? launch(di_sim_kernel_core_compare, dims, params) : report;
        },
        [&] {
            float difference;
            const unsigned bits = largest[0];
            std::memcpy(&difference, &bits, sizeof difference);
            ASSERT_EQ(different[0], 17u); // fifteen too far, one NaN, one much too far
            ASSERT_EQ(first[0], 77u);
            ASSERT_EQ(difference, 8.0f);
            ASSERT_EQ(unordered[0], 1u);
        });
}

} // namespace
} // namespace cudasim::test
