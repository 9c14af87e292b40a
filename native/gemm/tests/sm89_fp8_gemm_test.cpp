// SPDX-License-Identifier: MIT
// The plain FP8 multiplication on the simulator, all checks on, against sums in binary64.
#include <cstdlib>

#include "gemm_test.h"

#define VARIANT(name, ...) extern "C" const di_sim_kernel_info di_sim_kernel_##name;
#include "sm89_fp8_variants.inc"
#undef VARIANT

namespace cudasim::test {
namespace {

// The parameter block as the kernel has it.
struct Codes {
    const std::uint8_t* data;
    std::int64_t stride;
    std::int32_t mn;
    std::int32_t k;
};

enum class ScaleKind : std::int32_t { kNone, kFloat32, kUe8m0, kPackedUe8m0 };

struct Scales {
    const void* data;
    std::int64_t mn_stride;
    std::int64_t k_stride;
    std::int32_t mn_granularity;
    std::int32_t k_granularity;
    ScaleKind kind;
    std::int32_t reserved;
};

struct Params {
    Codes a, b;
    Scales scales_a, scales_b;
    OutputParams out;
    std::int32_t num_m_blocks;
    std::int32_t reserved;
};

enum class CodeKind { kE4M3, kE2M1, kE5M2 };

struct Variant {
    const char* name;
    const di_sim_kernel_info& kernel;
    CodeKind kind_a, kind_b;
    bool k_major_a, k_major_b;
    unsigned step;
};

constexpr CodeKind kE4M3 = CodeKind::kE4M3, kE2M1 = CodeKind::kE2M1, kE5M2 = CodeKind::kE5M2;
constexpr ScaleKind kNone = ScaleKind::kNone, kFloat32 = ScaleKind::kFloat32,
                    kPacked = ScaleKind::kPackedUe8m0;

const Variant kVariants[] = {
#define VARIANT(name, a, b, k_major_a, k_major_b, step)                                            \
    {#name, di_sim_kernel_##name, a, b, k_major_a, k_major_b, step},
#include "sm89_fp8_variants.inc"
#undef VARIANT
};
constexpr int kVariantCount = sizeof kVariants / sizeof kVariants[0];

constexpr unsigned kTile = 64, kTileK = 128, kTileRowBytes = kTileK + 16;

// Two stages of both tiles and their scales.
unsigned shared_bytes(unsigned step) {
    return 2 * 2 * (kTile * kTileRowBytes + kTileK / step * kTile * sizeof(float));
}

// An operand [mn, k] in either order with its scales. Rows are padded with NaN, or with the largest
// E2M1 value.
class Operand {
  public:
    Operand(CodeKind kind, bool k_major, unsigned mn, unsigned k, Rng& rng)
        : kind_(kind), k_major_(k_major), mn_(mn), k_(k), packing_(kind == kE2M1 ? 2 : 1),
          stride_(round_up((k_major ? k : mn) / packing_, 16) + kPadding),
          data_(std::size_t{k_major ? mn : k} * stride_, 0x7F) {
        for (unsigned row = 0; row < (k_major ? mn : k); ++row)
            for (unsigned column = 0; column < (k_major ? k : mn) / packing_; ++column)
                data_[row * stride_ + column] = code(rng);
    }

    void add_scales(ScaleKind scale_kind, unsigned mn_granularity, unsigned k_granularity,
                    Rng& rng) {
        scale_kind_ = scale_kind;
        mn_granularity_ = mn_granularity;
        k_granularity_ = k_granularity;
        scale_rows_ = (mn_ + mn_granularity - 1) / mn_granularity;
        // A packed word holds four scales.
        scale_columns_ = round_up((k_ + k_granularity - 1) / k_granularity, 4);
        for (std::size_t i = 0; i < std::size_t{scale_rows_} * scale_columns_; ++i) {
            exponents_.push_back(static_cast<std::uint8_t>(124 + rng.below(7)));
            floats_.push_back(static_cast<float>(1 + rng.below(100)) / 32);
        }
        if (scale_kind == kFloat32) {
            float_scales_ = std::make_unique<Buffer<float>>(floats_.size());
            for (std::size_t i = 0; i < floats_.size(); ++i)
                (*float_scales_)[i] = floats_[i];
        } else {
            byte_scales_ = std::make_unique<Buffer<std::uint8_t>>(exponents_.size());
            for (std::size_t i = 0; i < exponents_.size(); ++i)
                (*byte_scales_)[i] = exponents_[i];
        }
    }

    double at(std::size_t mn, std::size_t k) { return value(mn, k) * scale(mn, k); }

    Codes codes() {
        return {data_.data(), static_cast<std::int64_t>(stride_), static_cast<std::int32_t>(mn_),
                static_cast<std::int32_t>(k_)};
    }

    Scales scales() {
        Scales scales{};
        scales.data = scale_kind_ == kFloat32 ? static_cast<const void*>(float_scales_->data())
                                              : byte_scales_->data();
        scales.mn_stride = scale_kind_ == kPacked ? scale_columns_ / 4 : scale_columns_;
        scales.k_stride = 1;
        scales.mn_granularity = static_cast<std::int32_t>(mn_granularity_);
        scales.k_granularity = static_cast<std::int32_t>(k_granularity_);
        scales.kind = scale_kind_;
        return scales;
    }

  private:
    // Magnitudes of 1/8 to 7, either sign; all E2M1 values.
    std::uint8_t code(Rng& rng) {
        if (kind_ == kE2M1)
            return static_cast<std::uint8_t>(rng.below(256));
        const std::uint32_t magnitude =
            kind_ == kE4M3 ? 0x20 + rng.below(0x30) : 0x30 + rng.below(0x18);
        return static_cast<std::uint8_t>(magnitude | rng.below(2) << 7);
    }

    double value(std::size_t mn, std::size_t k) {
        const std::size_t row = k_major_ ? mn : k, column = k_major_ ? k : mn;
        const std::uint8_t byte = data_[row * stride_ + column / packing_];
        if (kind_ == kE2M1)
            return reference::e2m1_value(column % 2 == 0 ? byte : byte >> 4);
        return kind_ == kE4M3 ? reference::e4m3_value(byte) : reference::e5m2_value(byte);
    }

    double scale(std::size_t mn, std::size_t k) const {
        if (scale_kind_ == kNone)
            return 1;
        const std::size_t place = mn / mn_granularity_ * scale_columns_ + k / k_granularity_;
        return scale_kind_ == kFloat32 ? double{floats_[place]}
                                       : reference::e8m0_value(exponents_[place]);
    }

    CodeKind kind_;
    bool k_major_;
    unsigned mn_, k_, packing_;
    std::size_t stride_;
    Buffer<std::uint8_t> data_;
    ScaleKind scale_kind_ = kNone;
    unsigned mn_granularity_ = 1, k_granularity_ = 1, scale_rows_ = 0, scale_columns_ = 0;
    std::vector<std::uint8_t> exponents_;
    std::vector<float> floats_;
    std::unique_ptr<Buffer<float>> float_scales_;
    std::unique_ptr<Buffer<std::uint8_t>> byte_scales_;
};

// What tensor cores lose of a sum in eight-bit products, as long as the sums are promoted.
constexpr int kHopperExponent = -11;

template <typename T> void check(int index, const Case& shape, bool as_hopper = false) {
    const Variant& variant = kVariants[index];
    SCOPED_TRACE(testing::Message()
                 << variant.name << ' ' << shape.m << 'x' << shape.n << 'x' << shape.k);
    Rng rng(shape.m * 31 + shape.n * 7 + shape.k);
    Operand a(variant.kind_a, variant.k_major_a, shape.m, shape.k, rng);
    Operand b(variant.kind_b, variant.k_major_b, shape.n, shape.k, rng);
    // Neighbouring variants take other forms of scales.
    a.add_scales(static_cast<ScaleKind>(index % 4), 1, variant.step, rng);
    b.add_scales(static_cast<ScaleKind>((index / 4 + index + 1) % 4), 128, variant.step, rng);
    Output<T> out(shape,
                  reference::multiply(
                      shape.m, shape.n, shape.k,
                      [&](std::size_t m, std::size_t k) { return a.at(m, k); },
                      [&](std::size_t n, std::size_t k) { return b.at(n, k); }),
                  rng);
    Params params{};
    params.a = a.codes();
    params.b = b.codes();
    params.scales_a = a.scales();
    params.scales_b = b.scales();
    params.out = out.params();
    params.num_m_blocks = static_cast<std::int32_t>((shape.m + kTile - 1) / kTile);
    Dims dims;
    dims.grid = {(shape.n + kTile - 1) / kTile * static_cast<unsigned>(params.num_m_blocks), 1, 1};
    dims.block = {128, 1, 1};
    dims.shared = shared_bytes(variant.step);
    dims.workers = 1;
    expect_right_on_all_seeds(
        [&](unsigned seed) {
            out.clear();
            dims.seed = seed;
            return launch(variant.kernel, dims, params);
        },
        [&] {
            out.check(as_hopper ? kHopperExponent : -20);
            if (as_hopper) {
                EXPECT_GT(out.worst(), std::ldexp(1.0, -20)) << "nothing was cut";
            }
        });
}

class Sm89Fp8Gemm : public testing::TestWithParam<int> {};

TEST_P(Sm89Fp8Gemm, WholeTiles_AllSeeds_AreRight) { check<float>(GetParam(), {64, 128, 256}); }

TEST_P(Sm89Fp8Gemm, OddExtents_AllSeeds_AreRight) {
    check<std::uint16_t>(GetParam(), {66, 70, 328});
}

TEST_P(Sm89Fp8Gemm, AccumulateAndBias_AllSeeds_AreAdded) {
    check<float>(GetParam(), {2, 24, 72, true, true});
}

TEST_P(Sm89Fp8Gemm, NoDepth_GivesTheBias) { check<float>(GetParam(), {2, 8, 0, false, true}); }

// A third of the variants has all kinds of codes and orders of memory.
INSTANTIATE_TEST_SUITE_P(Variants, Sm89Fp8Gemm, testing::Range(0, kVariantCount, 3),
                         [](const auto& info) { return kVariants[info.param].name; });

class Sm89Fp8GemmAsOnHopper : public testing::TestWithParam<int> {};

// The tensor cores keep fewer digits of a sum than binary32, which the promotion is there for.
TEST_P(Sm89Fp8GemmAsOnHopper, SumsAreCut_StayWithinTheTolerance) {
    setenv("DEEPINFRA_CUDASIM_FP8_ACCUMULATION", "hopper", 1);
    check<float>(GetParam(), {64, 64, 512}, true);
    unsetenv("DEEPINFRA_CUDASIM_FP8_ACCUMULATION");
}

// One of each pair of kinds and of each length of a promotion, but for E2M1, whose sums have so few
// digits that nothing is cut.
INSTANTIATE_TEST_SUITE_P(Variants, Sm89Fp8GemmAsOnHopper, testing::Values(0, 4, 5, 15, 18, 20),
                         [](const auto& info) { return kVariants[info.param].name; });

class EverySm89Fp8Gemm : public testing::TestWithParam<int> {};

// Small enough for thousands of schedules; both stages of the pipeline are used twice.
TEST_P(EverySm89Fp8Gemm, ManySchedules_SmallShape_AreRight) {
    check<float>(GetParam(), {2, 8, 456});
}

INSTANTIATE_TEST_SUITE_P(Variants, EverySm89Fp8Gemm, testing::Range(0, kVariantCount),
                         [](const auto& info) { return kVariants[info.param].name; });

} // namespace
} // namespace cudasim::test
