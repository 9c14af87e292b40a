// SPDX-License-Identifier: MIT
// From checked tensors to the layouts and grids of the utility kernels.
#pragma once

#include <cstdint>

#include "common/host/kernel.h"
#include "common/host/tensor.h"
#include "core/kernels/params.h"

namespace di::core {

static_assert(kMaxRank == DI_MAX_RANK, "kernels address as many dimensions as the ABI has");

// A layout of dimensions that kernels walk, made smaller without changing which elements belong
// together.
template <int Count> struct LayoutBuilder {
    Layout<Count> layout{1, 0, {}, {}};

    void add(int64_t extent, const int64_t (&strides)[Count]) {
        layout.elements *= extent;
        if (extent == 1)
            return;
        layout.shape[layout.rank] = extent;
        for (int i = 0; i < Count; i++)
            layout.strides[i][layout.rank] = strides[i];
        layout.rank++;
    }

    // Orders dimensions by falling stride of one tensor, so that neighbouring indices are
    // neighbours there.
    void sort_by(int tensor) {
        for (int end = layout.rank; end > 1; end--)
            for (int i = 0; i + 1 < end; i++)
                if (layout.strides[tensor][i] < layout.strides[tensor][i + 1])
                    swap(i, i + 1);
    }

    // Joins neighbouring dimensions that are one run of indices in every tensor.
    void merge() {
        int kept = 0;
        for (int i = 1; i < layout.rank; i++) {
            bool is_run = true;
            for (int t = 0; t < Count; t++)
                is_run &= layout.strides[t][kept] == layout.strides[t][i] * layout.shape[i];
            if (is_run) {
                layout.shape[kept] *= layout.shape[i];
            } else {
                kept++;
                layout.shape[kept] = layout.shape[i];
            }
            for (int t = 0; t < Count; t++)
                layout.strides[t][kept] = layout.strides[t][i];
        }
        if (layout.rank > 0)
            layout.rank = kept + 1;
    }

    // One run of neighbouring elements in every tensor.
    bool is_contiguous() const {
        if (layout.rank > 1)
            return false;
        for (int t = 0; t < Count; t++)
            if (layout.rank == 1 && layout.strides[t][0] != 1)
                return false;
        return true;
    }

  private:
    void swap(int a, int b) {
        std::swap(layout.shape[a], layout.shape[b]);
        for (int t = 0; t < Count; t++)
            std::swap(layout.strides[t][a], layout.strides[t][b]);
    }
};

// A grid whose threads step over work items; large enough to fill any GPU, small enough to cost
// little.
inline LaunchShape grid_for(int64_t items, int64_t items_per_block, uint32_t shared_bytes = 0) {
    constexpr int64_t kLargestGrid = 16384;
    const int64_t blocks = (items + items_per_block - 1) / items_per_block;
    LaunchShape shape;
    shape.grid_x = static_cast<uint32_t>(blocks < kLargestGrid ? blocks : kLargestGrid);
    shape.threads = kThreads;
    shape.shared_bytes = shared_bytes;
    return shape;
}

// The number type of a tensor; throws unless it is one that kernels convert.
Number number_of(const TensorView& tensor);

} // namespace di::core
