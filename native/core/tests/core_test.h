// SPDX-License-Identifier: MIT
// What the tests of the utility kernels share.
#pragma once

#include <cstdint>
#include <gtest/gtest.h>
#include <vector>

#include "core/kernels/params.h"
#include "core/rng.h"
#include "sim_test.h"
#include "tests/reference/numbers.h"

namespace cudasim::test {

namespace core = di::core;
namespace reference = di::reference;

// A layout of `Count` tensors, one line of extents and strides per dimension.
template <int Count> struct Dimension {
    long long extent;
    long long strides[Count];
};

template <int Count>
core::Layout<Count> layout_of(const std::vector<Dimension<Count>>& dimensions) {
    core::Layout<Count> layout{};
    layout.elements = 1;
    for (const Dimension<Count>& dimension : dimensions) {
        layout.elements *= dimension.extent;
        layout.shape[layout.rank] = dimension.extent;
        for (int tensor = 0; tensor < Count; ++tensor)
            layout.strides[tensor][layout.rank] = dimension.strides[tensor];
        ++layout.rank;
    }
    return layout;
}

// Fewer blocks than there is work for, so that every block goes round its loop again.
inline Dims utility_dims(unsigned blocks, unsigned shared = 0) {
    Dims dims;
    dims.grid = {blocks, 1, 1};
    dims.block = {core::kThreads, 1, 1};
    dims.shared = shared;
    dims.workers = 1;
    return dims;
}

} // namespace cudasim::test
