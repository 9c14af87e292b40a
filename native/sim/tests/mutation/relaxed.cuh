// SPDX-License-Identifier: MIT
// Relaxed accesses that no kernel has a use for, only mutants of kernels do.
#pragma once

#include "common/device.cuh"

namespace di::ptx {

DI_DEVICE uint32_t ld_relaxed_cta(const uint32_t* p) {
    uint32_t v;
    di_sim_load(&v, p, sizeof v, DI_SIM_RELAXED, DI_SIM_CTA);
    return v;
}

DI_DEVICE void st_relaxed_sys(uint64_t* p, uint64_t v) {
    di_sim_store(p, &v, sizeof v, DI_SIM_RELAXED, DI_SIM_SYS);
}

DI_DEVICE uint32_t atom_add_relaxed_gpu(uint32_t* p, uint32_t v) {
    return static_cast<uint32_t>(
        di_sim_atomic(DI_SIM_ADD, DI_SIM_U32, DI_SIM_RELAXED, DI_SIM_GPU, p, v, 0));
}

DI_DEVICE uint32_t atom_add_relaxed_sys(uint32_t* p, uint32_t v) {
    return static_cast<uint32_t>(
        di_sim_atomic(DI_SIM_ADD, DI_SIM_U32, DI_SIM_RELAXED, DI_SIM_SYS, p, v, 0));
}

DI_DEVICE void red_add_relaxed_sys(uint32_t* p, uint32_t v) {
    di_sim_red(DI_SIM_ADD, DI_SIM_U32, DI_SIM_RELAXED, DI_SIM_SYS, p, v);
}

} // namespace di::ptx
