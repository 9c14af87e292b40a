// SPDX-License-Identifier: MIT
// Bulk asynchronous copies, plain and through tensor maps (PTX 8.0, sm_90). Loads complete on an
// mbarrier; stores belong to a bulk group of the thread.
#pragma once

#include "common/device.cuh"

namespace di::ptx {

// A CUtensorMap: 128 opaque bytes, written by the driver, passed as a __grid_constant__ parameter.
struct alignas(64) TensorMap {
    uint64_t words[16];
};

DI_DEVICE void prefetch_tensormap(const TensorMap* map) {
#ifdef DEEPINFRA_SIM
    di_sim_tensormap_prefetch(map);
#else
    asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
#endif
}

// cp.async.bulk.shared::cluster.global.mbarrier: addresses and size are multiples of 16.
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

// cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f32
DI_DEVICE void cp_reduce_async_bulk_add_f32(void* destination, uint32_t source, uint32_t bytes) {
#ifdef DEEPINFRA_SIM
    di_sim_bulk_reduce_s2g(destination, source, bytes, DI_SIM_ADD, DI_SIM_F32);
#else
    asm volatile("cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f32 [%0], [%1], %2;" ::"l"(
                     destination),
                 "r"(source), "r"(bytes)
                 : "memory");
#endif
}

// cp.async.bulk.shared::cluster.shared::cta: to another block of the cluster.
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

// Tensor loads of a box at coordinates (innermost first).
DI_DEVICE void cp_async_bulk_tensor_2d(uint32_t destination, const TensorMap* map, uint32_t barrier,
                                       int32_t c0, int32_t c1) {
#ifdef DEEPINFRA_SIM
    const int c[2] = {c0, c1};
    di_sim_tensor_g2s(destination, map, barrier, 2, c, 0, 0);
#else
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
                 "[%0], [%1, {%3, "
                 "%4}], [%2];" ::"r"(destination),
                 "l"(map), "r"(barrier), "r"(c0), "r"(c1)
                 : "memory");
#endif
}

// The same box to the same offset of every block in the mask, completing on each block's barrier.
DI_DEVICE void cp_async_bulk_tensor_2d_multicast(uint32_t destination, const TensorMap* map,
                                                 uint32_t barrier, int32_t c0, int32_t c1,
                                                 uint16_t mask) {
#ifdef DEEPINFRA_SIM
    const int c[2] = {c0, c1};
    di_sim_tensor_g2s(destination, map, barrier, 2, c, mask, 1);
#else
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes."
                 "multicast::cluster "
                 "[%0], [%1, {%3, %4}], [%2], %5;" ::"r"(destination),
                 "l"(map), "r"(barrier), "r"(c0), "r"(c1), "h"(mask)
                 : "memory");
#endif
}

DI_DEVICE void cp_async_bulk_tensor_3d(uint32_t destination, const TensorMap* map, uint32_t barrier,
                                       int32_t c0, int32_t c1, int32_t c2) {
#ifdef DEEPINFRA_SIM
    const int c[3] = {c0, c1, c2};
    di_sim_tensor_g2s(destination, map, barrier, 3, c, 0, 0);
#else
    asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
                 "[%0], [%1, {%3, "
                 "%4, %5}], [%2];" ::"r"(destination),
                 "l"(map), "r"(barrier), "r"(c0), "r"(c1), "r"(c2)
                 : "memory");
#endif
}

DI_DEVICE void cp_async_bulk_tensor_4d(uint32_t destination, const TensorMap* map, uint32_t barrier,
                                       int32_t c0, int32_t c1, int32_t c2, int32_t c3) {
#ifdef DEEPINFRA_SIM
    const int c[4] = {c0, c1, c2, c3};
    di_sim_tensor_g2s(destination, map, barrier, 4, c, 0, 0);
#else
    asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
                 "[%0], [%1, {%3, "
                 "%4, %5, %6}], [%2];" ::"r"(destination),
                 "l"(map), "r"(barrier), "r"(c0), "r"(c1), "r"(c2), "r"(c3)
                 : "memory");
#endif
}

// Tensor stores; parts of the box outside the tensor are not written.
DI_DEVICE void cp_async_bulk_tensor_store_2d(const TensorMap* map, uint32_t source, int32_t c0,
                                             int32_t c1) {
#ifdef DEEPINFRA_SIM
    const int c[2] = {c0, c1};
    di_sim_tensor_s2g(map, source, 2, c);
#else
    asm volatile(
        "cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group [%0, {%2, %3}], [%1];" ::"l"(
            map),
        "r"(source), "r"(c0), "r"(c1)
        : "memory");
#endif
}

DI_DEVICE void cp_async_bulk_tensor_store_3d(const TensorMap* map, uint32_t source, int32_t c0,
                                             int32_t c1, int32_t c2) {
#ifdef DEEPINFRA_SIM
    const int c[3] = {c0, c1, c2};
    di_sim_tensor_s2g(map, source, 3, c);
#else
    asm volatile(
        "cp.async.bulk.tensor.3d.global.shared::cta.tile.bulk_group [%0, {%2, %3, %4}], [%1];" ::
            "l"(map),
        "r"(source), "r"(c0), "r"(c1), "r"(c2)
        : "memory");
#endif
}

// cp.reduce.async.bulk.tensor.2d.global.shared::cta.add
DI_DEVICE void cp_reduce_async_bulk_tensor_add_2d(const TensorMap* map, uint32_t source, int32_t c0,
                                                  int32_t c1) {
#ifdef DEEPINFRA_SIM
    const int c[2] = {c0, c1};
    di_sim_tensor_reduce(map, source, 2, c, DI_SIM_ADD);
#else
    asm volatile("cp.reduce.async.bulk.tensor.2d.global.shared::cta.add.tile.bulk_group [%0, {%2, "
                 "%3}], [%1];" ::"l"(map),
                 "r"(source), "r"(c0), "r"(c1)
                 : "memory");
#endif
}

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
