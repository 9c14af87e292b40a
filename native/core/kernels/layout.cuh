// SPDX-License-Identifier: MIT
// From row-major indices to places in strided memory.
#pragma once

#include "core/kernels/params.h"

namespace di::core {

// Where an index lies in each tensor, in elements.
template <int Count>
__device__ __forceinline__ void locate(const Layout<Count>& layout, long long index,
                                       long long (&offsets)[Count]) {
    for (int tensor = 0; tensor < Count; tensor++)
        offsets[tensor] = 0;
    for (int i = layout.rank - 1; i > 0; i--) {
        long long digit;
        if ((index | layout.shape[i]) >> 32 == 0) {
            // Divisions of 32 bits are several times cheaper.
            const unsigned int low = static_cast<unsigned int>(index);
            const unsigned int extent = static_cast<unsigned int>(layout.shape[i]);
            index = low / extent;
            digit = low % extent;
        } else {
            const long long next = index / layout.shape[i];
            digit = index - next * layout.shape[i];
            index = next;
        }
        for (int tensor = 0; tensor < Count; tensor++)
            offsets[tensor] += digit * layout.strides[tensor][i];
    }
    if (layout.rank > 0)
        for (int tensor = 0; tensor < Count; tensor++)
            offsets[tensor] += index * layout.strides[tensor][0];
}

// First index of a thread and the distance between its indices.
__device__ __forceinline__ long long first_index() {
    return static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ __forceinline__ long long index_step() {
    return static_cast<long long>(gridDim.x) * blockDim.x;
}

} // namespace di::core
