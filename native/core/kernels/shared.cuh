// SPDX-License-Identifier: MIT
// The block's dynamic shared memory as one struct.
#pragma once

#ifndef __CUDACC__
#include "deepinfra_sim/runtime.h"
#endif

namespace di::core {

template <typename Storage> __device__ __forceinline__ Storage& block_shared() {
#ifdef __CUDACC__
    extern __shared__ __align__(16) unsigned char memory[];
    return *reinterpret_cast<Storage*>(memory);
#else
    return *static_cast<Storage*>(di_sim_dynamic_shared(sizeof(Storage), alignof(Storage)));
#endif
}

} // namespace di::core
