// SPDX-License-Identifier: MIT
// Copies and transpositions on the simulator, all checks on.
#include "core_test.h"

#define DECLARE(name) extern "C" const di_sim_kernel_info di_sim_kernel_##name
DECLARE(core_copy_8);
DECLARE(core_copy_16);
DECLARE(core_copy_32);
DECLARE(core_copy_64);
DECLARE(core_copy_128);
DECLARE(core_transpose_8);
DECLARE(core_transpose_16);
DECLARE(core_transpose_32);
DECLARE(core_transpose_64);
#undef DECLARE

namespace cudasim::test {
namespace {

constexpr std::uint8_t kUntouched = 0xA5;

// Source and destination as bytes, the source random.
struct Bytes {
    Bytes(std::size_t source_bytes, std::size_t destination_bytes)
        : source(source_bytes), destination(destination_bytes) {
        Rng rng(source_bytes);
        for (std::size_t i = 0; i < source.size(); ++i)
            source[i] = static_cast<std::uint8_t>(rng.below(256));
    }

    void clear() {
        for (std::size_t i = 0; i < destination.size(); ++i)
            destination[i] = kUntouched;
    }

    Buffer<std::uint8_t> source, destination;
};

// Runs a kernel and expects each byte of the destination.
template <typename Params>
void check_bytes(const di_sim_kernel_info& kernel, Dims dims, Bytes& bytes, const Params& params,
                 const std::vector<std::uint8_t>& expected) {
    expect_right_on_all_seeds(
        [&](unsigned seed) {
            bytes.clear();
            dims.seed = seed;
            return launch(kernel, dims, params);
        },
        [&] {
            for (std::size_t i = 0; i < expected.size(); ++i)
                ASSERT_EQ(bytes.destination[i], expected[i]) << "byte " << i;
        });
}

// A 2 x 41 x 30 tensor from padded rows to padded columns with a gap behind every element.
void check_copy(const di_sim_kernel_info& kernel, unsigned width) {
    const std::size_t batch = 2, rows = 41, columns = 30;
    const std::size_t source_row = 33, source_matrix = rows * source_row;
    const std::size_t column = 2 * (rows + 1), matrix = columns * column;
    Bytes bytes(batch * source_matrix * width, batch * matrix * width);
    std::vector<std::uint8_t> expected(bytes.destination.size(), kUntouched);
    for (std::size_t b = 0; b < batch; ++b)
        for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t c = 0; c < columns; ++c)
                for (std::size_t i = 0; i < width; ++i)
                    expected[(b * matrix + c * column + r * 2) * width + i] =
                        bytes.source[(b * source_matrix + r * source_row + c) * width + i];
    const auto layout =
        layout_of<2>({{2, {source_matrix, matrix}}, {41, {source_row, 2}}, {30, {1, column}}});

    const core::CopyParams params{bytes.source.data(), bytes.destination.data(), layout};
    check_bytes(kernel, utility_dims(3), bytes, params, expected);
}

TEST(CoreCopy, ManySchedules_AnyWidthAndStrides_MovesEveryElement) {
    check_copy(di_sim_kernel_core_copy_8, 1);
    check_copy(di_sim_kernel_core_copy_16, 2);
    check_copy(di_sim_kernel_core_copy_32, 4);
    check_copy(di_sim_kernel_core_copy_64, 8);
    check_copy(di_sim_kernel_core_copy_128, 16);
}

// Two 70 x 45 matrices: six tiles each for two blocks, most of them cut off.
void check_transpose(const di_sim_kernel_info& kernel, unsigned width) {
    const std::size_t batch = 2, rows = 70, columns = 45, row = 48, column = 71;
    Bytes bytes(batch * rows * row * width, batch * columns * column * width);
    std::vector<std::uint8_t> expected(bytes.destination.size(), kUntouched);
    for (std::size_t b = 0; b < batch; ++b)
        for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t c = 0; c < columns; ++c)
                for (std::size_t i = 0; i < width; ++i)
                    expected[((b * columns + c) * column + r) * width + i] =
                        bytes.source[((b * rows + r) * row + c) * width + i];

    const core::TransposeParams params{bytes.source.data(),
                                       bytes.destination.data(),
                                       rows,
                                       columns,
                                       row,
                                       column,
                                       layout_of<2>({{2, {rows * row, columns * column}}})};
    check_bytes(kernel, utility_dims(2, 32 * 33 * width), bytes, params, expected);
}

TEST(CoreTranspose, ManySchedules_AnyWidth_SwapsRowsAndColumns) {
    check_transpose(di_sim_kernel_core_transpose_8, 1);
    check_transpose(di_sim_kernel_core_transpose_16, 2);
    check_transpose(di_sim_kernel_core_transpose_32, 4);
    check_transpose(di_sim_kernel_core_transpose_64, 8);
}

} // namespace
} // namespace cudasim::test
