// SPDX-License-Identifier: MIT
// Runs the test kernel on random data and compares with a scalar product.
#pragma once

#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "async/tensor_map.h"
#include "core/rng.h"
#include "gemm_bugs.h"
#include "sim_test.h"
#include "tensor/numbers.h"

extern "C" {
extern const di_sim_kernel_info di_sim_kernel_gemm;
}

namespace cudasim::test {

inline TensorMap map_2d(const void* p, TensorType type, std::uint64_t columns, std::uint64_t rows,
                        std::uint32_t box_columns, std::uint32_t box_rows, int swizzle,
                        int fill = 0) {
    TensorMap map;
    std::uint64_t extents[] = {columns, rows}, strides[] = {columns * tensor_element_bytes(type)};
    std::uint32_t box[] = {box_columns, box_rows}, ones[] = {1, 1};
    bool not_modelled = false;
    const char* wrong = encode_tensor_map(&map, static_cast<int>(type), 2, p, extents, strides, box,
                                          ones, 0, swizzle, fill, &not_modelled);
    if (wrong != nullptr) {
        std::fprintf(stderr, "%s\n", wrong);
        std::abort();
    }
    return map;
}

class GemmRunner {
  public:
    GemmRunner(unsigned m, unsigned n, unsigned k)
        : m_(m), n_(n), k_(k), a_(m * k), b_(n * k), d_(m * n), expected_(m * n) {
        Rng rng(7);
        for (auto* v : {&a_, &b_})
            for (std::size_t i = 0; i < v->size(); ++i)
                (*v)[i] =
                    float_to_bf16(static_cast<float>(static_cast<int>(rng.below(17)) - 8) / 8);
        for (unsigned i = 0; i < m; ++i)
            for (unsigned j = 0; j < n; ++j) {
                double sum = 0;
                for (unsigned l = 0; l < k; ++l)
                    sum +=
                        double{bf16_to_float(a_[i * k + l])} * double{bf16_to_float(b_[j * k + l])};
                expected_[i * n + j] = static_cast<float>(sum);
            }
    }

    Report run(unsigned seed, int bug, bool checks = true, unsigned workers = 1,
               bool trace = false) {
        int swizzle = bug == kMapWithoutSwizzle ? 0 : 3;
        for (std::size_t i = 0; i < d_.size(); ++i)
            d_[i] = 0xffff;
        Dims dims;
        dims.grid = {n_ / 64, m_ / 64, 1};
        dims.block = {160, 1, 1};
        dims.shared = 2 * 3 * 8192 + 8192 + 1024;
        dims.seed = seed;
        dims.checks = checks;
        dims.workers = workers;
        dims.trace = trace;
        return launch(di_sim_kernel_gemm, dims,
                      map_2d(a_.data(), TensorType::BF16, k_, m_, 64, 64, swizzle),
                      map_2d(b_.data(), TensorType::BF16, k_, n_, 64, 64, swizzle),
                      map_2d(d_.data(), TensorType::BF16, n_, m_, 64, 64, 0), k_ / 64, bug);
    }

    // True if every element is the product, rounded once.
    bool right() { return first_wrong() == d_.size(); }

    // What is wrong after a run and who wrote it, by the same run again; empty if nothing is.
    std::string explain(unsigned seed, int bug) {
        if (right())
            return "";
        run(seed, bug, true, 1, true);
        const std::size_t i = first_wrong();
        if (i == d_.size())
            return "wrong, but not the second time";
        return wrong_value("d", i / n_, i % n_, static_cast<double>(bf16_to_float(d_[i])),
                           static_cast<double>(expected_[i]), &d_[i]);
    }

  private:
    std::size_t first_wrong() {
        std::size_t i = 0;
        for (; i < d_.size(); ++i) {
            float got = bf16_to_float(d_[i]), want = expected_[i];
            if (!(std::fabs(got - want) <= 0.005f * std::fabs(want) + 1e-3f))
                break;
        }
        return i;
    }

    unsigned m_, n_, k_;
    Buffer<std::uint16_t> a_, b_, d_;
    std::vector<float> expected_;
};

} // namespace cudasim::test
