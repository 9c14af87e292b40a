// SPDX-License-Identifier: MIT
// Bulk asynchronous copies and reductions of contiguous bytes (PTX 8.0, sm_90). Addresses and sizes
// are multiples of 16. What goes to shared memory completes on an mbarrier of the block that it
// goes to; what goes to global memory belongs to a bulk group of the thread.
#pragma once

#include "common/device.cuh"

namespace di::ptx {

// cp.async.bulk.shared::cluster.global.mbarrier
DI_DEVICE void cp_async_bulk_load(uint32_t destination, const void* source, uint32_t bytes,
                                  uint32_t barrier) {
#ifdef DEEPINFRA_SIM
    di_sim_bulk_g2s(destination, source, bytes, barrier, 0, 0);
#else
    asm volatile(
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::
            "r"(destination),
        "l"(source), "r"(bytes), "r"(barrier)
        : "memory");
#endif
}

// The same bytes to the same offset of every block in the mask, completing on each block's barrier.
DI_DEVICE void cp_async_bulk_load_multicast(uint32_t destination, const void* source,
                                            uint32_t bytes, uint32_t barrier, uint16_t mask) {
#ifdef DEEPINFRA_SIM
    di_sim_bulk_g2s(destination, source, bytes, barrier, mask, 1);
#else
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes."
                 "multicast::cluster [%0], [%1], %2, [%3], %4;" ::"r"(destination),
                 "l"(source), "r"(bytes), "r"(barrier), "h"(mask)
                 : "memory");
#endif
}

// cp.async.bulk.prefetch.L2.global
DI_DEVICE void cp_async_bulk_prefetch(const void* source, uint32_t bytes) {
#ifdef DEEPINFRA_SIM
    di_sim_bulk_prefetch(source, bytes);
#else
    asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(source), "r"(bytes) : "memory");
#endif
}

// cp.async.bulk.global.shared::cta.bulk_group
DI_DEVICE void cp_async_bulk_store(void* destination, uint32_t source, uint32_t bytes) {
#ifdef DEEPINFRA_SIM
    di_sim_bulk_s2g(destination, source, bytes);
#else
    asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(destination),
                 "r"(source), "r"(bytes)
                 : "memory");
#endif
}

// cp.async.bulk.shared::cluster.shared::cta: to a block of the cluster, at an address of mapa.
DI_DEVICE void cp_async_bulk_to_cluster(uint32_t destination, uint32_t source, uint32_t bytes,
                                        uint32_t barrier) {
#ifdef DEEPINFRA_SIM
    di_sim_bulk_s2s(destination, source, bytes, barrier);
#else
    asm volatile("cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%0], "
                 "[%1], %2, [%3];" ::"r"(destination),
                 "r"(source), "r"(bytes), "r"(barrier)
                 : "memory");
#endif
}

// cp.reduce.async.bulk.global.shared::cta.bulk_group: each element of global memory becomes its
// combination with that of shared memory. cp_reduce_async_bulk_<operation>_<type>.
#ifdef DEEPINFRA_SIM
#define DI_PTX_BULK_REDUCE(name, operation, type, instruction)                                     \
    DI_DEVICE void name(void* destination, uint32_t source, uint32_t bytes) {                      \
        di_sim_bulk_reduce_s2g(destination, source, bytes, operation, type);                       \
    }
#define DI_PTX_BULK_REDUCE_CLUSTER(name, operation, type, instruction)                             \
    DI_DEVICE void name(uint32_t destination, uint32_t source, uint32_t bytes, uint32_t barrier) { \
        di_sim_bulk_reduce_s2s(destination, source, bytes, barrier, operation, type);              \
    }
#else
#define DI_PTX_BULK_REDUCE(name, operation, type, instruction)                                     \
    DI_DEVICE void name(void* destination, uint32_t source, uint32_t bytes) {                      \
        asm volatile("cp.reduce.async.bulk.global.shared::cta.bulk_group." instruction             \
                     " [%0], [%1], %2;" ::"l"(destination),                                        \
                     "r"(source), "r"(bytes)                                                       \
                     : "memory");                                                                  \
    }
#define DI_PTX_BULK_REDUCE_CLUSTER(name, operation, type, instruction)                             \
    DI_DEVICE void name(uint32_t destination, uint32_t source, uint32_t bytes, uint32_t barrier) { \
        asm volatile("cp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::"    \
                     "bytes." instruction " [%0], [%1], %2, [%3];" ::"r"(destination),             \
                     "r"(source), "r"(bytes), "r"(barrier)                                         \
                     : "memory");                                                                  \
    }
#endif
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_add_f32, DI_SIM_ADD, DI_SIM_F32, "add.f32")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_add_f64, DI_SIM_ADD, DI_SIM_F64, "add.f64")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_add_f16, DI_SIM_ADD, DI_SIM_F16, "add.noftz.f16")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_add_bf16, DI_SIM_ADD, DI_SIM_BF16, "add.noftz.bf16")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_add_u32, DI_SIM_ADD, DI_SIM_U32, "add.u32")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_add_s32, DI_SIM_ADD, DI_SIM_S32, "add.s32")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_add_u64, DI_SIM_ADD, DI_SIM_U64, "add.u64")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_min_f16, DI_SIM_MIN, DI_SIM_F16, "min.f16")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_min_bf16, DI_SIM_MIN, DI_SIM_BF16, "min.bf16")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_min_u32, DI_SIM_MIN, DI_SIM_U32, "min.u32")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_min_s32, DI_SIM_MIN, DI_SIM_S32, "min.s32")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_min_u64, DI_SIM_MIN, DI_SIM_U64, "min.u64")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_min_s64, DI_SIM_MIN, DI_SIM_S64, "min.s64")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_max_f16, DI_SIM_MAX, DI_SIM_F16, "max.f16")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_max_bf16, DI_SIM_MAX, DI_SIM_BF16, "max.bf16")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_max_u32, DI_SIM_MAX, DI_SIM_U32, "max.u32")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_max_s32, DI_SIM_MAX, DI_SIM_S32, "max.s32")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_max_u64, DI_SIM_MAX, DI_SIM_U64, "max.u64")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_max_s64, DI_SIM_MAX, DI_SIM_S64, "max.s64")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_inc_u32, DI_SIM_INC, DI_SIM_U32, "inc.u32")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_dec_u32, DI_SIM_DEC, DI_SIM_U32, "dec.u32")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_and_b32, DI_SIM_AND, DI_SIM_U32, "and.b32")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_or_b32, DI_SIM_OR, DI_SIM_U32, "or.b32")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_xor_b32, DI_SIM_XOR, DI_SIM_U32, "xor.b32")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_and_b64, DI_SIM_AND, DI_SIM_U64, "and.b64")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_or_b64, DI_SIM_OR, DI_SIM_U64, "or.b64")
DI_PTX_BULK_REDUCE(cp_reduce_async_bulk_xor_b64, DI_SIM_XOR, DI_SIM_U64, "xor.b64")

// The same into the shared memory of a block of the cluster, at an address of mapa.
DI_PTX_BULK_REDUCE_CLUSTER(cp_reduce_async_bulk_to_cluster_add_u32, DI_SIM_ADD, DI_SIM_U32,
                           "add.u32")
DI_PTX_BULK_REDUCE_CLUSTER(cp_reduce_async_bulk_to_cluster_add_s32, DI_SIM_ADD, DI_SIM_S32,
                           "add.s32")
DI_PTX_BULK_REDUCE_CLUSTER(cp_reduce_async_bulk_to_cluster_add_u64, DI_SIM_ADD, DI_SIM_U64,
                           "add.u64")
DI_PTX_BULK_REDUCE_CLUSTER(cp_reduce_async_bulk_to_cluster_min_u32, DI_SIM_MIN, DI_SIM_U32,
                           "min.u32")
DI_PTX_BULK_REDUCE_CLUSTER(cp_reduce_async_bulk_to_cluster_min_s32, DI_SIM_MIN, DI_SIM_S32,
                           "min.s32")
DI_PTX_BULK_REDUCE_CLUSTER(cp_reduce_async_bulk_to_cluster_max_u32, DI_SIM_MAX, DI_SIM_U32,
                           "max.u32")
DI_PTX_BULK_REDUCE_CLUSTER(cp_reduce_async_bulk_to_cluster_max_s32, DI_SIM_MAX, DI_SIM_S32,
                           "max.s32")
DI_PTX_BULK_REDUCE_CLUSTER(cp_reduce_async_bulk_to_cluster_inc_u32, DI_SIM_INC, DI_SIM_U32,
                           "inc.u32")
DI_PTX_BULK_REDUCE_CLUSTER(cp_reduce_async_bulk_to_cluster_dec_u32, DI_SIM_DEC, DI_SIM_U32,
                           "dec.u32")
DI_PTX_BULK_REDUCE_CLUSTER(cp_reduce_async_bulk_to_cluster_and_b32, DI_SIM_AND, DI_SIM_U32,
                           "and.b32")
DI_PTX_BULK_REDUCE_CLUSTER(cp_reduce_async_bulk_to_cluster_or_b32, DI_SIM_OR, DI_SIM_U32, "or.b32")
DI_PTX_BULK_REDUCE_CLUSTER(cp_reduce_async_bulk_to_cluster_xor_b32, DI_SIM_XOR, DI_SIM_U32,
                           "xor.b32")
#undef DI_PTX_BULK_REDUCE
#undef DI_PTX_BULK_REDUCE_CLUSTER

// cp.async.bulk.commit_group
DI_DEVICE void cp_async_bulk_commit() {
#ifdef DEEPINFRA_SIM
    di_sim_bulk_commit();
#else
    asm volatile("cp.async.bulk.commit_group;" ::: "memory");
#endif
}

// cp.async.bulk.wait_group: at most kPending of this thread's groups are incomplete afterwards.
template <int kPending> DI_DEVICE void cp_async_bulk_wait() {
#ifdef DEEPINFRA_SIM
    di_sim_bulk_wait(kPending, 0);
#else
    asm volatile("cp.async.bulk.wait_group %0;" ::"n"(kPending) : "memory");
#endif
}

// cp.async.bulk.wait_group.read: their sources may be overwritten; what they write is not visible
// yet.
template <int kPending> DI_DEVICE void cp_async_bulk_wait_read() {
#ifdef DEEPINFRA_SIM
    di_sim_bulk_wait(kPending, 1);
#else
    asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(kPending) : "memory");
#endif
}

} // namespace di::ptx
