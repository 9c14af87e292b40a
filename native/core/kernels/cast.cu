// SPDX-License-Identifier: MIT
// What: destination[i] = narrow(widen(source[i])) through float32.
// Tensors: source and destination, same shape, each of float32, float16, bfloat16, E4M3, E5M2, any
// strides. Tiling: grid-stride loop, one element per thread and step. The types are uniform over
// the launch, so the switches on
//   them do not diverge.
// Bound: memory, one load and one store per element.
#include "core/kernels/layout.cuh"
#include "core/kernels/numbers.cuh"

namespace di::core {

extern "C" __global__ void di_core_cast(const __grid_constant__ CastParams params) {
    for (long long i = first_index(); i < params.layout.elements; i += index_step()) {
        long long offsets[2];
        locate(params.layout, i, offsets);
        const float value = load_number(params.source, params.from, offsets[0]);
        store_number(params.destination, params.to, offsets[1], value, params.saturate);
    }
}

} // namespace di::core
