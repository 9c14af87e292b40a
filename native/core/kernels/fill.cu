// SPDX-License-Identifier: MIT
// What: destination[i] = bits for every index of a shape.
// Tensors: destination, any shape and strides, elements of 1, 2, 4 or 8 bytes.
// Tiling: grid-stride loop, one element per thread and step; the contiguous variant moves 16 bytes.
// Bound: memory, one store per element.
// Limits: strides are not negative and no two elements share memory.
#include "core/kernels/layout.cuh"

namespace di::core {
namespace {

template <typename Element> __device__ __forceinline__ void fill(const FillParams& params) {
    auto* destination = static_cast<Element*>(params.destination);
    for (long long i = first_index(); i < params.layout.elements; i += index_step()) {
        long long offset[1];
        locate(params.layout, i, offset);
        destination[offset[0]] = static_cast<Element>(params.bits);
    }
}

} // namespace

// clang-format off
extern "C" __global__ void di_core_fill_8(const __grid_constant__ FillParams params) { fill<unsigned char>(params); }
extern "C" __global__ void di_core_fill_16(const __grid_constant__ FillParams params) { fill<unsigned short>(params); }
extern "C" __global__ void di_core_fill_32(const __grid_constant__ FillParams params) { fill<unsigned int>(params); }
extern "C" __global__ void di_core_fill_64(const __grid_constant__ FillParams params) { fill<unsigned long long>(params); }
// clang-format on

// layout.elements counts blocks of 16 bytes; bits is the element repeated to 8 bytes.
extern "C" __global__ void di_core_fill_bytes16(const __grid_constant__ FillParams params) {
    auto* destination = static_cast<Bytes16*>(params.destination);
    const auto low = static_cast<unsigned int>(params.bits);
    const auto high = static_cast<unsigned int>(params.bits >> 32);
    const Bytes16 value{{low, high, low, high}};
    for (long long i = first_index(); i < params.layout.elements; i += index_step())
        destination[i] = value;
}

} // namespace di::core
