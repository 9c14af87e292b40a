// SPDX-License-Identifier: MIT
// Loads and stores with an order and a scope, and atomics wrapped the same way (PTX 6.0, sm_70).
#pragma once

#include "common/device.cuh"

namespace di::ptx {

#ifdef DEEPINFRA_SIM
#define DI_PTX_LOAD(name, type, order, scope, instruction, constraint)                             \
    DI_DEVICE type name(const type* p) {                                                           \
        type v;                                                                                    \
        di_sim_load(&v, p, sizeof(type), order, scope);                                            \
        return v;                                                                                  \
    }
#define DI_PTX_STORE(name, type, order, scope, instruction, constraint)                            \
    DI_DEVICE void name(type* p, type v) { di_sim_store(p, &v, sizeof(type), order, scope); }
#define DI_PTX_ADD(name, type, element, order, scope, instruction, constraint)                     \
    DI_DEVICE type name(type* p, type v) {                                                         \
        return static_cast<type>(di_sim_atomic(DI_SIM_ADD, element, order, scope, p, v, 0));       \
    }
#define DI_PTX_RED(name, type, element, order, scope, instruction, constraint)                     \
    DI_DEVICE void name(type* p, type v) { di_sim_red(DI_SIM_ADD, element, order, scope, p, v); }
#else
#define DI_PTX_LOAD(name, type, order, scope, instruction, constraint)                             \
    DI_DEVICE type name(const type* p) {                                                           \
        type v;                                                                                    \
        asm volatile(instruction " %0, [%1];" : "=" constraint(v) : "l"(p) : "memory");            \
        return v;                                                                                  \
    }
#define DI_PTX_STORE(name, type, order, scope, instruction, constraint)                            \
    DI_DEVICE void name(type* p, type v) {                                                         \
        asm volatile(instruction " [%0], %1;" ::"l"(p), constraint(v) : "memory");                 \
    }
#define DI_PTX_ADD(name, type, element, order, scope, instruction, constraint)                     \
    DI_DEVICE type name(type* p, type v) {                                                         \
        type old;                                                                                  \
        asm volatile(instruction " %0, [%1], %2;"                                                  \
                     : "=" constraint(old)                                                         \
                     : "l"(p), constraint(v)                                                       \
                     : "memory");                                                                  \
        return old;                                                                                \
    }
#define DI_PTX_RED(name, type, element, order, scope, instruction, constraint)                     \
    DI_PTX_STORE(name, type, order, scope, instruction, constraint)
#endif

DI_PTX_LOAD(ld_relaxed_gpu, uint32_t, DI_SIM_RELAXED, DI_SIM_GPU, "ld.relaxed.gpu.global.u32", "r")
DI_PTX_LOAD(ld_acquire_cta, uint32_t, DI_SIM_ACQUIRE, DI_SIM_CTA, "ld.acquire.cta.global.u32", "r")
DI_PTX_LOAD(ld_acquire_gpu, uint32_t, DI_SIM_ACQUIRE, DI_SIM_GPU, "ld.acquire.gpu.global.u32", "r")
DI_PTX_LOAD(ld_acquire_sys, uint32_t, DI_SIM_ACQUIRE, DI_SIM_SYS, "ld.acquire.sys.global.u32", "r")
DI_PTX_LOAD(ld_acquire_sys, uint64_t, DI_SIM_ACQUIRE, DI_SIM_SYS, "ld.acquire.sys.global.u64", "l")
DI_PTX_LOAD(ld_relaxed_sys, uint32_t, DI_SIM_RELAXED, DI_SIM_SYS, "ld.relaxed.sys.global.u32", "r")
DI_PTX_LOAD(ld_relaxed_sys, uint64_t, DI_SIM_RELAXED, DI_SIM_SYS, "ld.relaxed.sys.global.u64", "l")
DI_PTX_STORE(st_relaxed_gpu, uint32_t, DI_SIM_RELAXED, DI_SIM_GPU, "st.relaxed.gpu.global.u32", "r")
DI_PTX_STORE(st_release_gpu, uint32_t, DI_SIM_RELEASE, DI_SIM_GPU, "st.release.gpu.global.u32", "r")
DI_PTX_STORE(st_release_sys, uint32_t, DI_SIM_RELEASE, DI_SIM_SYS, "st.release.sys.global.u32", "r")
DI_PTX_STORE(st_release_sys, uint64_t, DI_SIM_RELEASE, DI_SIM_SYS, "st.release.sys.global.u64", "l")
DI_PTX_STORE(st_relaxed_sys, uint32_t, DI_SIM_RELAXED, DI_SIM_SYS, "st.relaxed.sys.global.u32", "r")
DI_PTX_ADD(atom_add_acq_rel_gpu, uint32_t, DI_SIM_U32, DI_SIM_ACQ_REL, DI_SIM_GPU,
           "atom.acq_rel.gpu.global.add.u32", "r")
DI_PTX_ADD(atom_add_acq_rel_sys, uint32_t, DI_SIM_U32, DI_SIM_ACQ_REL, DI_SIM_SYS,
           "atom.acq_rel.sys.global.add.u32", "r")
DI_PTX_RED(red_add_release_gpu, uint32_t, DI_SIM_U32, DI_SIM_RELEASE, DI_SIM_GPU,
           "red.release.gpu.global.add.u32", "r")
DI_PTX_RED(red_add_release_sys, uint32_t, DI_SIM_U32, DI_SIM_RELEASE, DI_SIM_SYS,
           "red.release.sys.global.add.u32", "r")
DI_PTX_RED(red_add_relaxed_gpu, uint32_t, DI_SIM_U32, DI_SIM_RELAXED, DI_SIM_GPU,
           "red.relaxed.gpu.global.add.u32", "r")

#undef DI_PTX_LOAD
#undef DI_PTX_STORE
#undef DI_PTX_ADD
#undef DI_PTX_RED

} // namespace di::ptx
