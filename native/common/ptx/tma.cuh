// SPDX-License-Identifier: MIT
// Bulk asynchronous copies of boxes through tensor maps of rank 1 to 5 (PTX 8.0, sm_90).
#pragma once

#include "common/ptx/bulk.cuh"

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

// Coordinates of a box, innermost first: parameters, values, and the first five operands of inline
// assembly, of which a smaller rank uses the first ones.
#define DI_PTX_PARAMETERS_1 int32_t c0
#define DI_PTX_PARAMETERS_2 int32_t c0, int32_t c1
#define DI_PTX_PARAMETERS_3 int32_t c0, int32_t c1, int32_t c2
#define DI_PTX_PARAMETERS_4 int32_t c0, int32_t c1, int32_t c2, int32_t c3
#define DI_PTX_PARAMETERS_5 int32_t c0, int32_t c1, int32_t c2, int32_t c3, int32_t c4
#ifdef DEEPINFRA_SIM
#define DI_PTX_VALUES_1 c0
#define DI_PTX_VALUES_2 c0, c1
#define DI_PTX_VALUES_3 c0, c1, c2
#define DI_PTX_VALUES_4 c0, c1, c2, c3
#define DI_PTX_VALUES_5 c0, c1, c2, c3, c4
#define DI_PTX_TENSOR_REDUCE(rank, name, operation)                                                \
    DI_DEVICE void cp_reduce_async_bulk_tensor_##name##_##rank##d(                                 \
        const TensorMap* map, uint32_t source, DI_PTX_PARAMETERS_##rank) {                         \
        const int c[] = {DI_PTX_VALUES_##rank};                                                    \
        di_sim_tensor_reduce(map, source, rank, c, operation);                                     \
    }
#define DI_PTX_TENSOR(rank)                                                                        \
    DI_DEVICE void cp_async_bulk_tensor_##rank##d(uint32_t destination, const TensorMap* map,      \
                                                  uint32_t barrier, DI_PTX_PARAMETERS_##rank) {    \
        const int c[] = {DI_PTX_VALUES_##rank};                                                    \
        di_sim_tensor_g2s(destination, map, barrier, rank, c, 0, 0);                               \
    }                                                                                              \
    DI_DEVICE void cp_async_bulk_tensor_##rank##d_multicast(                                       \
        uint32_t destination, const TensorMap* map, uint32_t barrier, DI_PTX_PARAMETERS_##rank,    \
        uint16_t mask) {                                                                           \
        const int c[] = {DI_PTX_VALUES_##rank};                                                    \
        di_sim_tensor_g2s(destination, map, barrier, rank, c, mask, 1);                            \
    }                                                                                              \
    DI_DEVICE void cp_async_bulk_tensor_store_##rank##d(const TensorMap* map, uint32_t source,     \
                                                        DI_PTX_PARAMETERS_##rank) {                \
        const int c[] = {DI_PTX_VALUES_##rank};                                                    \
        di_sim_tensor_s2g(map, source, rank, c);                                                   \
    }                                                                                              \
    DI_DEVICE void cp_async_bulk_tensor_prefetch_##rank##d(const TensorMap* map,                   \
                                                           DI_PTX_PARAMETERS_##rank) {             \
        const int c[] = {DI_PTX_VALUES_##rank};                                                    \
        di_sim_tensor_prefetch(map, rank, c);                                                      \
    }                                                                                              \
    DI_PTX_TENSOR_REDUCTIONS(rank)
#else
#define DI_PTX_BRACES_1 "{%0}"
#define DI_PTX_BRACES_2 "{%0, %1}"
#define DI_PTX_BRACES_3 "{%0, %1, %2}"
#define DI_PTX_BRACES_4 "{%0, %1, %2, %3}"
#define DI_PTX_BRACES_5 "{%0, %1, %2, %3, %4}"
#define DI_PTX_VALUES_1 "r"(c0), "r"(0), "r"(0), "r"(0), "r"(0)
#define DI_PTX_VALUES_2 "r"(c0), "r"(c1), "r"(0), "r"(0), "r"(0)
#define DI_PTX_VALUES_3 "r"(c0), "r"(c1), "r"(c2), "r"(0), "r"(0)
#define DI_PTX_VALUES_4 "r"(c0), "r"(c1), "r"(c2), "r"(c3), "r"(0)
#define DI_PTX_VALUES_5 "r"(c0), "r"(c1), "r"(c2), "r"(c3), "r"(c4)
#define DI_PTX_TENSOR_REDUCE(rank, name, operation)                                                \
    DI_DEVICE void cp_reduce_async_bulk_tensor_##name##_##rank##d(                                 \
        const TensorMap* map, uint32_t source, DI_PTX_PARAMETERS_##rank) {                         \
        asm volatile("cp.reduce.async.bulk.tensor." #rank "d.global.shared::cta." #name            \
                     ".tile.bulk_group [%5, " DI_PTX_BRACES_##rank                                 \
                     "], [%6];" ::DI_PTX_VALUES_##rank,                                            \
                     "l"(map), "r"(source)                                                         \
                     : "memory");                                                                  \
    }
#define DI_PTX_TENSOR(rank)                                                                        \
    DI_DEVICE void cp_async_bulk_tensor_##rank##d(uint32_t destination, const TensorMap* map,      \
                                                  uint32_t barrier, DI_PTX_PARAMETERS_##rank) {    \
        asm volatile("cp.async.bulk.tensor." #rank                                                 \
                     "d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%6], "           \
                     "[%5, " DI_PTX_BRACES_##rank "], [%7];" ::DI_PTX_VALUES_##rank,               \
                     "l"(map), "r"(destination), "r"(barrier)                                      \
                     : "memory");                                                                  \
    }                                                                                              \
    DI_DEVICE void cp_async_bulk_tensor_##rank##d_multicast(                                       \
        uint32_t destination, const TensorMap* map, uint32_t barrier, DI_PTX_PARAMETERS_##rank,    \
        uint16_t mask) {                                                                           \
        asm volatile("cp.async.bulk.tensor." #rank                                                 \
                     "d.shared::cluster.global.tile.mbarrier::complete_tx::bytes."                 \
                     "multicast::cluster [%6], [%5, " DI_PTX_BRACES_##rank                         \
                     "], [%7], %8;" ::DI_PTX_VALUES_##rank,                                        \
                     "l"(map), "r"(destination), "r"(barrier), "h"(mask)                           \
                     : "memory");                                                                  \
    }                                                                                              \
    DI_DEVICE void cp_async_bulk_tensor_store_##rank##d(const TensorMap* map, uint32_t source,     \
                                                        DI_PTX_PARAMETERS_##rank) {                \
        asm volatile("cp.async.bulk.tensor." #rank                                                 \
                     "d.global.shared::cta.tile.bulk_group [%5, " DI_PTX_BRACES_##rank             \
                     "], [%6];" ::DI_PTX_VALUES_##rank,                                            \
                     "l"(map), "r"(source)                                                         \
                     : "memory");                                                                  \
    }                                                                                              \
    DI_DEVICE void cp_async_bulk_tensor_prefetch_##rank##d(const TensorMap* map,                   \
                                                           DI_PTX_PARAMETERS_##rank) {             \
        asm volatile("cp.async.bulk.prefetch.tensor." #rank                                        \
                     "d.L2.global.tile [%5, " DI_PTX_BRACES_##rank "];" ::DI_PTX_VALUES_##rank,    \
                     "l"(map)                                                                      \
                     : "memory");                                                                  \
    }                                                                                              \
    DI_PTX_TENSOR_REDUCTIONS(rank)
#endif
#define DI_PTX_TENSOR_REDUCTIONS(rank)                                                             \
    DI_PTX_TENSOR_REDUCE(rank, add, DI_SIM_ADD)                                                    \
    DI_PTX_TENSOR_REDUCE(rank, min, DI_SIM_MIN)                                                    \
    DI_PTX_TENSOR_REDUCE(rank, max, DI_SIM_MAX)                                                    \
    DI_PTX_TENSOR_REDUCE(rank, inc, DI_SIM_INC)                                                    \
    DI_PTX_TENSOR_REDUCE(rank, dec, DI_SIM_DEC)                                                    \
    DI_PTX_TENSOR_REDUCE(rank, and, DI_SIM_AND)                                                    \
    DI_PTX_TENSOR_REDUCE(rank, or, DI_SIM_OR)                                                      \
    DI_PTX_TENSOR_REDUCE(rank, xor, DI_SIM_XOR)

// For each rank R:
// cp_async_bulk_tensor_<R>d(destination, map, barrier, c0, ...) loads the box at the coordinates.
// cp_async_bulk_tensor_<R>d_multicast(..., mask): the same box to the same offset of every block in
//   the mask, completing on each block's barrier.
// cp_async_bulk_tensor_store_<R>d(map, source, c0, ...) stores a box; parts of it outside the
// tensor
//   are not written.
// cp_async_bulk_tensor_prefetch_<R>d(map, c0, ...) brings a box into the L2 cache.
// cp_reduce_async_bulk_tensor_<operation>_<R>d(map, source, c0, ...) combines a box with the
// tensor.
DI_PTX_TENSOR(1)
DI_PTX_TENSOR(2)
DI_PTX_TENSOR(3)
DI_PTX_TENSOR(4)
DI_PTX_TENSOR(5)
#undef DI_PTX_TENSOR
#undef DI_PTX_TENSOR_REDUCTIONS
#undef DI_PTX_TENSOR_REDUCE

} // namespace di::ptx
