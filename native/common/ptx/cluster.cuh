// SPDX-License-Identifier: MIT
// Clusters: ranks, the cluster barrier, shared memory of other blocks (PTX 7.8, sm_90).
#pragma once

#include "common/device.cuh"

namespace di::ptx {

DI_DEVICE uint32_t cluster_ctarank() {
#ifdef DEEPINFRA_SIM
    return di_sim_special(DI_SIM_CLUSTER_CTARANK);
#else
    uint32_t rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
#endif
}

DI_DEVICE uint32_t cluster_nctarank() {
#ifdef DEEPINFRA_SIM
    return di_sim_special(DI_SIM_CLUSTER_NCTARANK);
#else
    uint32_t count;
    asm volatile("mov.u32 %0, %%cluster_nctarank;" : "=r"(count));
    return count;
#endif
}

// barrier.cluster.arrive.release.aligned
DI_DEVICE void cluster_arrive() {
#ifdef DEEPINFRA_SIM
    di_sim_cluster_arrive(DI_SIM_RELEASE, 1);
#else
    asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
#endif
}

// barrier.cluster.arrive.relaxed.aligned: orders no memory.
DI_DEVICE void cluster_arrive_relaxed() {
#ifdef DEEPINFRA_SIM
    di_sim_cluster_arrive(DI_SIM_RELAXED, 1);
#else
    asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
#endif
}

// barrier.cluster.wait.acquire.aligned
DI_DEVICE void cluster_wait() {
#ifdef DEEPINFRA_SIM
    di_sim_cluster_wait(1);
#else
    asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
}

DI_DEVICE void cluster_sync() {
    cluster_arrive();
    cluster_wait();
}

// ld.shared::cluster.u32 and st.shared::cluster.u32, at an address of mapa.
DI_DEVICE uint32_t ld_shared_cluster_u32(uint32_t address) {
    uint32_t value;
#ifdef DEEPINFRA_SIM
    di_sim_load_shared(&value, address, 4);
#else
    asm volatile("ld.shared::cluster.u32 %0, [%1];" : "=r"(value) : "r"(address) : "memory");
#endif
    return value;
}

DI_DEVICE void st_shared_cluster_u32(uint32_t address, uint32_t value) {
#ifdef DEEPINFRA_SIM
    di_sim_store_shared(address, &value, 4);
#else
    asm volatile("st.shared::cluster.u32 [%0], %1;" ::"r"(address), "r"(value) : "memory");
#endif
}

// red.relaxed.cluster.shared::cluster, at an address of mapa.
#ifdef DEEPINFRA_SIM
#define DI_PTX_RED_CLUSTER(name, type, operation, element, instruction, constraint)                \
    DI_DEVICE void name(uint32_t address, type value) {                                            \
        di_sim_red_shared_cluster(operation, element, address, value);                             \
    }
#else
#define DI_PTX_RED_CLUSTER(name, type, operation, element, instruction, constraint)                \
    DI_DEVICE void name(uint32_t address, type value) {                                            \
        asm volatile("red.relaxed.cluster.shared::cluster." instruction                            \
                     " [%0], %1;" ::"r"(address),                                                  \
                     constraint(value)                                                             \
                     : "memory");                                                                  \
    }
#endif
DI_PTX_RED_CLUSTER(red_add_shared_cluster_u32, uint32_t, DI_SIM_ADD, DI_SIM_U32, "add.u32", "r")
DI_PTX_RED_CLUSTER(red_add_shared_cluster_u64, uint64_t, DI_SIM_ADD, DI_SIM_U64, "add.u64", "l")
DI_PTX_RED_CLUSTER(red_min_shared_cluster_u32, uint32_t, DI_SIM_MIN, DI_SIM_U32, "min.u32", "r")
DI_PTX_RED_CLUSTER(red_max_shared_cluster_u32, uint32_t, DI_SIM_MAX, DI_SIM_U32, "max.u32", "r")
DI_PTX_RED_CLUSTER(red_and_shared_cluster_b32, uint32_t, DI_SIM_AND, DI_SIM_U32, "and.b32", "r")
DI_PTX_RED_CLUSTER(red_or_shared_cluster_b32, uint32_t, DI_SIM_OR, DI_SIM_U32, "or.b32", "r")
DI_PTX_RED_CLUSTER(red_xor_shared_cluster_b32, uint32_t, DI_SIM_XOR, DI_SIM_U32, "xor.b32", "r")
#undef DI_PTX_RED_CLUSTER

} // namespace di::ptx
