// SPDX-License-Identifier: MIT
// Named barriers of a block. Ids 0 to 15; 0 is __syncthreads. Counts are threads, multiples of 32.
#pragma once

#include "common/device.cuh"

namespace di::ptx {

// bar.sync (PTX 1.0)
DI_DEVICE void bar_sync(uint32_t id, uint32_t threads) {
#ifdef DEEPINFRA_SIM
    di_sim_bar_sync(id, threads);
#else
    asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
#endif
}

// bar.arrive (PTX 2.0): counts this thread in without waiting.
DI_DEVICE void bar_arrive(uint32_t id, uint32_t threads) {
#ifdef DEEPINFRA_SIM
    di_sim_bar_arrive(id, threads);
#else
    asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
#endif
}

} // namespace di::ptx
