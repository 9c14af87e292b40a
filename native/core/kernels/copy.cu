// SPDX-License-Identifier: MIT
// What: destination[i] = source[i] for every index of a shape, between two layouts.
// Tensors: source and destination, same shape, elements of 1, 2, 4 or 8 bytes, each with its own
// strides. Tiling: copy: grid-stride loop over elements (16-byte blocks where both are contiguous),
// indices ordered by the host so
//   that neighbouring threads store to neighbouring addresses. transpose: tiles of 32x32 elements
//   through shared memory, 32x8 threads, where the contiguous dimensions of source and destination
//   differ.
// Shared memory: transpose only, 32x33 elements; the extra column keeps a column of the tile in
// different banks. Bound: memory, one load and one store per element.
#include "common/device.cuh"
#include "core/kernels/layout.cuh"

namespace di::core {
namespace {

constexpr int kTile = 32;
constexpr int kTileRows = kThreads / kTile;

template <typename Element> struct TransposeStorage { Element tile[kTile][kTile + 1]; };

template <typename Element> __device__ __forceinline__ void copy(const CopyParams& params) {
    const auto* source = static_cast<const Element*>(params.source);
    auto* destination = static_cast<Element*>(params.destination);
    for (long long i = first_index(); i < params.layout.elements; i += index_step()) {
        long long offsets[2];
        locate(params.layout, i, offsets);
        destination[offsets[1]] = source[offsets[0]];
    }
}

template <typename Element>
__device__ __forceinline__ void transpose(const TransposeParams& params) {
    auto& storage = dynamic_shared<TransposeStorage<Element>>();
    const int lane = threadIdx.x % kTile, line = threadIdx.x / kTile;
    const long long column_tiles = (params.columns + kTile - 1) / kTile;
    const long long row_tiles = (params.rows + kTile - 1) / kTile;
    const long long tiles = params.batch.elements * row_tiles * column_tiles;
    for (long long tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        const long long matrix = tile / (row_tiles * column_tiles);
        const long long within = tile - matrix * (row_tiles * column_tiles);
        const long long row = within / column_tiles * kTile;
        const long long column = within % column_tiles * kTile;
        long long offsets[2];
        locate(params.batch, matrix, offsets);
        const auto* source = static_cast<const Element*>(params.source) + offsets[0];
        auto* destination = static_cast<Element*>(params.destination) + offsets[1];
        for (int i = line; i < kTile; i += kTileRows)
            if (row + i < params.rows && column + lane < params.columns)
                storage.tile[i][lane] =
                    source[(row + i) * params.source_row_stride + column + lane];
        __syncthreads(); // the tile is read by other threads than wrote it
        for (int i = line; i < kTile; i += kTileRows)
            if (column + i < params.columns && row + lane < params.rows)
                destination[(column + i) * params.destination_col_stride + row + lane] =
                    storage.tile[lane][i];
        __syncthreads(); // the next tile overwrites this one
    }
}

} // namespace

// clang-format off
extern "C" __global__ void di_core_copy_8(const __grid_constant__ CopyParams params) { copy<unsigned char>(params); }
extern "C" __global__ void di_core_copy_16(const __grid_constant__ CopyParams params) { copy<unsigned short>(params); }
extern "C" __global__ void di_core_copy_32(const __grid_constant__ CopyParams params) { copy<unsigned int>(params); }
extern "C" __global__ void di_core_copy_64(const __grid_constant__ CopyParams params) { copy<unsigned long long>(params); }
extern "C" __global__ void di_core_copy_128(const __grid_constant__ CopyParams params) { copy<Bytes16>(params); }
extern "C" __global__ void di_core_transpose_8(const __grid_constant__ TransposeParams params) { transpose<unsigned char>(params); }
extern "C" __global__ void di_core_transpose_16(const __grid_constant__ TransposeParams params) { transpose<unsigned short>(params); }
extern "C" __global__ void di_core_transpose_32(const __grid_constant__ TransposeParams params) { transpose<unsigned int>(params); }
extern "C" __global__ void di_core_transpose_64(const __grid_constant__ TransposeParams params) { transpose<unsigned long long>(params); }
// clang-format on

} // namespace di::core
