// SPDX-License-Identifier: MIT
// Addresses of shared memory as instructions take them.
#pragma once

#include "common/device.cuh"

namespace di::ptx {

// cvta.to.shared: the 32-bit shared address of an object in this block's shared memory.
DI_DEVICE uint32_t shared_address(const void* object) {
    return static_cast<uint32_t>(__cvta_generic_to_shared(object));
}

// mapa.shared::cluster (PTX 7.8, sm_90): the same place in the block with another rank.
DI_DEVICE uint32_t mapa(uint32_t address, uint32_t rank) {
#ifdef DEEPINFRA_SIM
    return di_sim_mapa(address, rank);
#else
    uint32_t result;
    asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(result) : "r"(address), "r"(rank));
    return result;
#endif
}

} // namespace di::ptx
