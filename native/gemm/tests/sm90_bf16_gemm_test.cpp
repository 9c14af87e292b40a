// SPDX-License-Identifier: MIT
// The Hopper BF16 multiplication on the simulator, all checks on, against sums in binary64.
#include "async/tensor_map.h"
#include "gemm_test.h"

extern "C" {
extern const di_sim_kernel_info di_sim_kernel_bf16_n64_nt;
extern const di_sim_kernel_info di_sim_kernel_bf16_n128_nt;
extern const di_sim_kernel_info di_sim_kernel_bf16_n64_nn;
extern const di_sim_kernel_info di_sim_kernel_bf16_n128_nn;
extern const di_sim_kernel_info di_sim_kernel_bf16_n64_tn;
extern const di_sim_kernel_info di_sim_kernel_bf16_n128_tn;
extern const di_sim_kernel_info di_sim_kernel_bf16_n64_tt;
extern const di_sim_kernel_info di_sim_kernel_bf16_n128_tt;
}

namespace cudasim::test {
namespace {

// The parameter block as the kernel has it.
struct Params {
    OutputParams out;
    std::int32_t num_m_blocks;
    std::int32_t num_k_blocks;
};

// Device code reads parameters in place, where its own type is aligned.
struct alignas(64) AlignedMap {
    TensorMap map;
};

struct Variant {
    const char* name;
    const di_sim_kernel_info& kernel;
    unsigned block_n;
    bool k_major_a;
    bool k_major_b;
};

const Variant kVariants[] = {
    {"n64_nt", di_sim_kernel_bf16_n64_nt, 64, true, true},
    {"n128_nt", di_sim_kernel_bf16_n128_nt, 128, true, true},
    {"n64_nn", di_sim_kernel_bf16_n64_nn, 64, true, false},
    {"n128_nn", di_sim_kernel_bf16_n128_nn, 128, true, false},
    {"n64_tn", di_sim_kernel_bf16_n64_tn, 64, false, false},
    {"n128_tn", di_sim_kernel_bf16_n128_tn, 128, false, false},
    {"n64_tt", di_sim_kernel_bf16_n64_tt, 64, false, true},
    {"n128_tt", di_sim_kernel_bf16_n128_tt, 128, false, true},
};

// Four stages of tiles and two barriers each, in whole swizzle atoms.
unsigned shared_bytes(unsigned block_n) {
    return round_up(4 * ((64 + block_n) * 128 + 2 * 8), 1024);
}

// An operand [mn, k] in either order, with padded rows of NaN.
class Operand {
  public:
    Operand(unsigned mn, unsigned k, bool k_major, Rng& rng)
        : rows_(k_major ? mn : k), columns_(k_major ? k : mn), k_major_(k_major),
          stride_(round_up(columns_, 8) + kPadding),
          data_(std::size_t{rows_} * stride_, std::uint16_t{0x7FC0}) {
        for (unsigned row = 0; row < rows_; ++row)
            for (unsigned column = 0; column < columns_; ++column)
                data_[row * stride_ + column] = reference::to_bfloat16(
                    static_cast<float>(static_cast<int>(rng.below(2001)) - 1000) / 512);
    }

    double at(std::size_t mn, std::size_t k) {
        return reference::bfloat16_value(data_[k_major_ ? mn * stride_ + k : k * stride_ + mn]);
    }

    AlignedMap map(unsigned block_mn) {
        AlignedMap map;
        const std::uint64_t extents[] = {columns_, rows_}, strides[] = {stride_ * 2};
        const std::uint32_t box[] = {64, k_major_ ? block_mn : 64}, ones[] = {1, 1};
        bool not_modelled = false;
        const char* wrong =
            encode_tensor_map(&map.map, static_cast<int>(TensorType::BF16), 2, data_.data(),
                              extents, strides, box, ones, 0, 3, 0, &not_modelled);
        EXPECT_EQ(wrong, nullptr);
        return map;
    }

  private:
    unsigned rows_, columns_;
    bool k_major_;
    std::size_t stride_;
    Buffer<std::uint16_t> data_;
};

template <typename T> void check(const Variant& variant, const Case& shape) {
    SCOPED_TRACE(testing::Message()
                 << variant.name << ' ' << shape.m << 'x' << shape.n << 'x' << shape.k);
    Rng rng(shape.m * 31 + shape.n * 7 + shape.k);
    Operand a(shape.m, shape.k, variant.k_major_a, rng),
        b(shape.n, shape.k, variant.k_major_b, rng);
    Output<T> out(shape,
                  reference::multiply(
                      shape.m, shape.n, shape.k,
                      [&](std::size_t m, std::size_t k) { return a.at(m, k); },
                      [&](std::size_t n, std::size_t k) { return b.at(n, k); }),
                  rng);
    Params params{};
    params.out = out.params();
    params.num_m_blocks = static_cast<std::int32_t>((shape.m + 63) / 64);
    params.num_k_blocks = static_cast<std::int32_t>((shape.k + 63) / 64);
    Dims dims;
    dims.grid = {(shape.n + variant.block_n - 1) / variant.block_n *
                     static_cast<unsigned>(params.num_m_blocks),
                 1, 1};
    dims.block = {160, 1, 1};
    dims.shared = shared_bytes(variant.block_n);
    dims.workers = 1;
    const AlignedMap map_a = a.map(64), map_b = b.map(variant.block_n);
    expect_right_on_all_seeds(
        [&](unsigned seed) {
            out.clear();
            dims.seed = seed;
            return launch(variant.kernel, dims, map_a, map_b, params);
        },
        [&] { out.check(); });
}

class Sm90Bf16Gemm : public testing::TestWithParam<int> {
  protected:
    const Variant& variant() { return kVariants[GetParam()]; }
};

TEST_P(Sm90Bf16Gemm, WholeTiles_AllSeeds_AreRight) { check<float>(variant(), {128, 128, 320}); }

TEST_P(Sm90Bf16Gemm, OddExtents_AllSeeds_AreRight) {
    check<std::uint16_t>(variant(), {65, 131, 200});
}

TEST_P(Sm90Bf16Gemm, AccumulateAndBias_AllSeeds_AreAdded) {
    check<float>(variant(), {3, 24, 72, true, true});
    check<std::uint16_t>(variant(), {7, 10, 64, true, true});
}

// Small enough for thousands of schedules; every stage of the pipeline is used twice.
TEST_P(Sm90Bf16Gemm, ManySchedules_SmallShape_AreRight) { check<float>(variant(), {2, 8, 456}); }

INSTANTIATE_TEST_SUITE_P(Variants, Sm90Bf16Gemm, testing::Range(0, 8),
                         [](const auto& info) { return kVariants[info.param].name; });

TEST(Sm90Bf16GemmValues, NoDepth_GivesTheBias) {
    Buffer<float> d(64), bias(64);
    for (unsigned i = 0; i < 64; ++i)
        bias[i] = static_cast<float>(i);
    Params params{};
    params.out.d = d.data();
    params.out.bias = bias.data();
    params.out.d_stride = 64;
    params.out.m = 1;
    params.out.n = 64;
    params.num_m_blocks = 1;
    Dims dims;
    dims.block = {160, 1, 1};
    dims.shared = shared_bytes(64);
    dims.workers = 1;

    expect_right_on_all_seeds(
        [&](unsigned seed) {
            dims.seed = seed;
            return launch(di_sim_kernel_bf16_n64_nt, dims, AlignedMap{}, AlignedMap{}, params);
        },
        [&] {
            for (unsigned i = 0; i < 64; ++i)
                EXPECT_EQ(d[i], static_cast<float>(i));
        });
}

} // namespace
} // namespace cudasim::test
