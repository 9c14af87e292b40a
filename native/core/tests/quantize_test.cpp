// SPDX-License-Identifier: MIT
// Quantisation to FP8 and back on the simulator, all checks on, bit by bit.
#include <algorithm>
#include <cmath>

#include "core_test.h"
#include "tests/reference/quantize.h"

#define DECLARE(name) extern "C" const di_sim_kernel_info di_sim_kernel_##name
DECLARE(core_quantize_per_token);
DECLARE(core_quantize_per_block);
DECLARE(core_quantize_per_channel);
DECLARE(core_dequantize);
#undef DECLARE

namespace cudasim::test {
namespace {

enum class Blocks { Token, Block, Channel };

struct Case {
    Blocks blocks;
    core::Number values_type, format;
    core::ScaleForm form;
    bool multiply_reciprocal;
};

constexpr core::Number kFloat32 = core::Number::Float32, kBFloat16 = core::Number::BFloat16,
                       kE4M3 = core::Number::E4M3, kE5M2 = core::Number::E5M2;

constexpr Case kCases[] = {
    {Blocks::Token, kFloat32, kE4M3, core::ScaleForm::Float32, false},
    {Blocks::Token, kBFloat16, kE5M2, core::ScaleForm::PackedE8M0, true},
    {Blocks::Block, kBFloat16, kE4M3, core::ScaleForm::Float32, true},
    {Blocks::Block, kFloat32, kE5M2, core::ScaleForm::E8M0, false},
    {Blocks::Block, kFloat32, kE4M3, core::ScaleForm::PackedE8M0, false},
    {Blocks::Channel, kFloat32, kE4M3, core::ScaleForm::Float32, false},
    {Blocks::Channel, kBFloat16, kE5M2, core::ScaleForm::E8M0, true},
};
constexpr int kCaseCount = sizeof(kCases) / sizeof(kCases[0]);

// Two matrices of 37 x 70 in blocks of 16 along the columns: the last blocks are cut off, and there
// are more than the thread blocks take in one round.
constexpr int kBatch = 2, kRows = 37, kColumns = 70, kGranularity = 16;
constexpr int tiles_of(int extent, int step) { return (extent + step - 1) / step; }
// Rows of values, codes and scales are longer than they must be.
constexpr int kValuesStride = kColumns + 2, kDataStride = kColumns + 3;
constexpr std::uint8_t kUntouched = 0xA5;

class Problem {
  public:
    explicit Problem(const Case& c)
        : case_(c), row_step_(c.blocks == Blocks::Token ? 1 : kGranularity),
          column_step_(c.blocks == Blocks::Channel ? 1 : kGranularity),
          row_tiles_(tiles_of(kRows, row_step_)), column_tiles_(tiles_of(kColumns, column_step_)),
          packed_tiles_(tiles_of(column_tiles_, 4) * 4),
          floats_(size(kBatch) * kRows * kValuesStride, std::nanf("")),
          halves_(size(kBatch) * kRows * kValuesStride, std::uint16_t{0x7FC0}),
          data_(size(kBatch) * kRows * kDataStride),
          scales_(size(kBatch) * row_tiles_ * packed_tiles_), codes_(data_.size(), kUntouched),
          factors_(scales_.size()) {
        Rng rng(11);
        for (int b = 0; b < kBatch; ++b)
            for (int r = 0; r < kRows; ++r)
                for (int c2 = 0; c2 < kColumns; ++c2) {
                    // Blocks of different sizes; the first of each matrix is all zeros.
                    const int exponent = (r / kGranularity * 5 + c2 / kGranularity * 3) % 11 - 5;
                    const bool is_zero = r < kGranularity && c2 < kGranularity;
                    const float x =
                        is_zero ? 0
                                : static_cast<float>(std::ldexp(
                                      static_cast<int>(rng.below(60001)) - 30000, exponent - 12));
                    halves_[value_at(b, r, c2)] = reference::to_bfloat16(x);
                    floats_[value_at(b, r, c2)] = x;
                }
        for (int b = 0; b < kBatch; ++b)
            for (int tile = 0; tile < row_tiles_; ++tile)
                for (int column = 0; column < column_tiles_; ++column)
                    quantize_block(b, tile, column);
    }

    Report quantize(unsigned seed) {
        for (std::size_t i = 0; i < data_.size(); ++i)
            data_[i] = kUntouched;
        for (std::size_t i = 0; i < scales_.size(); ++i)
            scales_[i] = 0xA5A5A5A5;
        const bool is_channel = case_.blocks == Blocks::Channel;
        Dims dims = utility_dims(2, (is_channel ? core::kThreads : 8) * sizeof(unsigned));
        dims.seed = seed;
        return launch(is_channel                      ? di_sim_kernel_core_quantize_per_channel
                      : case_.blocks == Blocks::Block ? di_sim_kernel_core_quantize_per_block
                                                      : di_sim_kernel_core_quantize_per_token,
                      dims, params());
    }

    void check_quantized() {
        for (std::size_t i = 0; i < data_.size(); ++i)
            ASSERT_EQ(data_[i], codes_[i]) << "code " << i;
        for (int b = 0; b < kBatch; ++b)
            for (int tile = 0; tile < row_tiles_; ++tile)
                for (int column = 0; column < packed_tiles_; ++column)
                    check_scale(b, tile, column);
    }

    // From the expected codes and scales back to binary32 values.
    Report dequantize(unsigned seed) {
        for (std::size_t i = 0; i < data_.size(); ++i)
            data_[i] = codes_[i];
        for (int b = 0; b < kBatch; ++b)
            for (int tile = 0; tile < row_tiles_; ++tile)
                for (int column = 0; column < packed_tiles_; ++column)
                    store_scale(b, tile, column);
        for (std::size_t i = 0; i < floats_.size(); ++i)
            floats_[i] = -7;
        core::QuantizeParams p = params();
        p.values = floats_.data();
        p.values_type = kFloat32;
        Dims dims = utility_dims(3);
        dims.seed = seed;
        return launch(di_sim_kernel_core_dequantize, dims, p);
    }

    void check_dequantized() {
        for (int b = 0; b < kBatch; ++b)
            for (int r = 0; r < kRows; ++r)
                for (int c = 0; c < kValuesStride; ++c) {
                    const float got = floats_[value_at(b, r, c)];
                    if (c >= kColumns) {
                        ASSERT_EQ(got, -7.0f) << "outside of row " << r;
                        continue;
                    }
                    const std::uint8_t code = codes_[data_at(b, r, c)];
                    const double scale =
                        factors_[scale_at(b, r / row_step_, c / column_step_)].value;
                    ASSERT_EQ(got, static_cast<float>(value_of(code) * scale))
                        << "matrix " << b << " at " << r << ',' << c;
                }
    }

  private:
    static std::size_t size(int value) { return static_cast<std::size_t>(value); }
    static std::size_t value_at(int b, int r, int c) {
        return size((b * kRows + r) * kValuesStride + c);
    }
    static std::size_t data_at(int b, int r, int c) {
        return size((b * kRows + r) * kDataStride + c);
    }
    std::size_t scale_at(int b, int tile, int column) const {
        return size((b * row_tiles_ + tile) * packed_tiles_ + column);
    }

    double value_of(std::uint8_t code) const {
        return case_.format == kE4M3 ? reference::e4m3_value(code) : reference::e5m2_value(code);
    }

    float value(int b, int r, int c) {
        const std::size_t at = value_at(b, r, c);
        return case_.values_type == kFloat32
                   ? float{floats_[at]}
                   : static_cast<float>(reference::bfloat16_value(halves_[at]));
    }

    void quantize_block(int b, int tile, int column) {
        const int first = tile * row_step_, last = std::min(first + row_step_, kRows);
        const int begin = column * column_step_, end = std::min(begin + column_step_, kColumns);
        float amax = 0;
        for (int r = first; r < last; ++r)
            for (int c = begin; c < end; ++c)
                amax = std::max(amax, std::fabs(value(b, r, c)));
        const std::uint8_t largest = case_.format == kE4M3 ? 0x7E : 0x7B;
        const reference::BlockScale scale =
            reference::block_scale(amax, value_of(largest), case_.multiply_reciprocal,
                                   case_.form != core::ScaleForm::Float32);
        factors_[scale_at(b, tile, column)] = scale;
        for (int r = first; r < last; ++r)
            for (int c = begin; c < end; ++c)
                codes_[data_at(b, r, c)] = reference::nearest_code(
                    static_cast<float>(double{value(b, r, c)} * scale.factor), largest,
                    [this](std::uint8_t code) { return value_of(code); });
    }

    // Scales are words, or bytes one per word, or four to a word.
    void check_scale(int b, int tile, int column) {
        const reference::BlockScale& want = factors_[scale_at(b, tile, column)];
        const std::string place = std::to_string(tile) + ',' + std::to_string(column);
        if (case_.form == core::ScaleForm::PackedE8M0) {
            const int exponent = column < column_tiles_ ? want.exponent : 127;
            ASSERT_EQ(packed()[scale_at(b, tile, column)], exponent) << "scale " << place;
        } else if (column < column_tiles_ && case_.form == core::ScaleForm::E8M0) {
            ASSERT_EQ(packed()[scale_at(b, tile, column)], want.exponent) << "scale " << place;
        } else if (column < column_tiles_) {
            ASSERT_EQ(words()[scale_at(b, tile, column)], want.value) << "scale " << place;
        }
    }

    void store_scale(int b, int tile, int column) {
        const reference::BlockScale& scale = factors_[scale_at(b, tile, column)];
        if (case_.form == core::ScaleForm::Float32)
            words()[scale_at(b, tile, column)] = scale.value;
        else
            packed()[scale_at(b, tile, column)] = static_cast<std::uint8_t>(scale.exponent);
    }

    float* words() { return reinterpret_cast<float*>(scales_.data()); }
    std::uint8_t* packed() { return reinterpret_cast<std::uint8_t*>(scales_.data()); }

    core::QuantizeParams params() {
        const bool is_packed = case_.form == core::ScaleForm::PackedE8M0;
        const int scale_columns = is_packed ? packed_tiles_ / 4 : packed_tiles_;
        core::QuantizeParams p{};
        p.values = case_.values_type == kFloat32 ? static_cast<const void*>(floats_.data())
                                                 : halves_.data();
        p.data = data_.data();
        p.scales = scales_.data();
        p.values_type = case_.values_type;
        p.format = case_.format;
        p.scale_form = case_.form;
        p.granularity = kGranularity;
        p.multiply_reciprocal = case_.multiply_reciprocal;
        p.power_of_two = case_.form != core::ScaleForm::Float32;
        p.rows = kRows;
        p.columns = kColumns;
        p.row_tiles = row_tiles_;
        p.column_tiles = column_tiles_;
        p.rows_per_scale = row_step_;
        p.columns_per_scale = column_step_;
        p.values_row_stride = kValuesStride;
        p.values_col_stride = 1;
        p.data_row_stride = kDataStride;
        p.scales_row_stride = scale_columns;
        p.scales_col_stride = 1;
        p.batch = layout_of<3>(
            {{kBatch, {kRows * kValuesStride, kRows * kDataStride, row_tiles_ * scale_columns}}});
        return p;
    }

    Case case_;
    int row_step_, column_step_; // elements that share a scale
    int row_tiles_, column_tiles_;
    int packed_tiles_; // a row of scales, filled up to whole words
    Buffer<float> floats_;
    Buffer<std::uint16_t> halves_;
    Buffer<std::uint8_t> data_;
    Buffer<std::uint32_t> scales_; // large enough for every form
    std::vector<std::uint8_t> codes_;
    std::vector<reference::BlockScale> factors_;
};

class CoreQuantize : public testing::TestWithParam<int> {};

TEST_P(CoreQuantize, ManySchedules_CutOffBlocks_AreTheReferencesBits) {
    Problem problem(kCases[GetParam()]);
    expect_right_on_all_seeds([&](unsigned seed) { return problem.quantize(seed); },
                              [&] { problem.check_quantized(); });
}

TEST_P(CoreQuantize, ManySchedules_Dequantize_MultipliesCodesAndScales) {
    Problem problem(kCases[GetParam()]);
    expect_right_on_all_seeds([&](unsigned seed) { return problem.dequantize(seed); },
                              [&] { problem.check_dequantized(); });
}

INSTANTIATE_TEST_SUITE_P(Cases, CoreQuantize, testing::Range(0, kCaseCount));

} // namespace
} // namespace cudasim::test
