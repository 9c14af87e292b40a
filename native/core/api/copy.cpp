// SPDX-License-Identifier: MIT
// di_core_copy: picks between 16-byte blocks, tiles through shared memory and single elements.
#include "core/api/images.h"
#include "core/api/layouts.h"
#include "deepinfra/core.h"

namespace di::core {
namespace {

Kernel<CopyParams> copy_kernels[] = {
    {images::copy, "di_core_copy_8"},   {images::copy, "di_core_copy_16"},
    {images::copy, "di_core_copy_32"},  {images::copy, "di_core_copy_64"},
    {images::copy, "di_core_copy_128"},
};
Kernel<TransposeParams> transpose_kernels[] = {
    {images::copy, "di_core_transpose_8"},
    {images::copy, "di_core_transpose_16"},
    {images::copy, "di_core_transpose_32"},
    {images::copy, "di_core_transpose_64"},
};

constexpr int64_t kElementsPerBlock = 4 * kThreads;
constexpr int64_t kTile = 32;

// Below this extent tiles would be mostly empty.
constexpr int64_t kSmallestTransposed = 8;

int width_of(int32_t element_bytes) {
    int width = 0;
    while (1 << width < element_bytes)
        width++;
    return width;
}

bool is_aligned(const void* data) {
    return reinterpret_cast<uintptr_t>(data) % sizeof(Bytes16) == 0;
}

// The dimension along which the source is contiguous while the destination is contiguous along the
// last one; -1 if none.
int transposed_dimension(const Layout<2>& layout) {
    const int last = layout.rank - 1;
    if (last < 1 || layout.strides[1][last] != 1 || layout.strides[0][last] == 1 ||
        layout.shape[last] < kSmallestTransposed)
        return -1;
    for (int i = 0; i < last; i++)
        if (layout.strides[0][i] == 1 && layout.shape[i] >= kSmallestTransposed)
            return i;
    return -1;
}

void run_transpose(const TensorView& from, const TensorView& to, const Layout<2>& layout,
                   int dimension, di_stream stream) {
    const int last = layout.rank - 1;
    LayoutBuilder<2> batch;
    for (int i = 0; i < last; i++)
        if (i != dimension)
            batch.add(layout.shape[i], {layout.strides[0][i], layout.strides[1][i]});
    const TransposeParams params{
        from.data,
        to.data,
        layout.shape[last],
        layout.shape[dimension],
        layout.strides[0][last],
        layout.strides[1][dimension],
        batch.layout,
    };
    const int64_t tiles = batch.layout.elements * ((params.rows + kTile - 1) / kTile) *
                          ((params.columns + kTile - 1) / kTile);
    const auto shared = static_cast<uint32_t>(kTile * (kTile + 1) * from.element_bytes);
    transpose_kernels[width_of(from.element_bytes)](grid_for(tiles, 1, shared), params, stream);
}

void run_copy(const TensorView& from, const TensorView& to, di_stream stream) {
    LayoutBuilder<2> builder;
    for (int32_t i = 0; i < from.rank; i++)
        builder.add(from.shape[i], {from.strides[i], to.strides[i]});
    builder.sort_by(1);
    builder.merge();
    Layout<2> layout = builder.layout;
    if (const int dimension = transposed_dimension(layout); dimension >= 0) {
        run_transpose(from, to, layout, dimension, stream);
        return;
    }
    int width = width_of(from.element_bytes);
    const int64_t bytes = layout.elements * from.element_bytes;
    if (builder.is_contiguous() && is_aligned(from.data) && is_aligned(to.data) &&
        bytes % 16 == 0) {
        layout.elements = bytes / 16;
        if (layout.rank == 1)
            layout.shape[0] = layout.elements;
        width = 4;
    }
    copy_kernels[width](grid_for(layout.elements, kElementsPerBlock),
                        CopyParams{from.data, to.data, layout}, stream);
}

} // namespace
} // namespace di::core

using namespace di;

di_status di_core_copy(const di_tensor* source, const di_tensor* destination, di_stream stream) {
    return guarded([&] {
        const TensorView from = read_tensor(source, "source");
        const TensorView to = read_output(destination, "destination");
        check_same_shape(to, from);
        check_same_device(to, from);
        check_no_overlap(to, from);
        if (from.dtype.code != to.dtype.code || from.dtype.bits != to.dtype.bits)
            throw Error(DI_STATUS_INVALID_ARGUMENT,
                        join("destination: expected ", dtype_text(from.dtype), " of source, got ",
                             dtype_text(to.dtype)));
        const int32_t bytes = from.element_bytes;
        if (bytes > 8 || (bytes & (bytes - 1)) != 0)
            throw Error(DI_STATUS_INVALID_ARGUMENT,
                        join("source: expected elements of 1, 2, 4 or 8 bytes, got ", bytes));
        if (!from.is_empty())
            core::run_copy(from, to, stream);
    });
}
