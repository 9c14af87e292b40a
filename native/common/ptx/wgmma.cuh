// SPDX-License-Identifier: MIT
// Warpgroup matrix multiply-accumulate (PTX 8.0, sm_90a): d[64 x N] (+)= a[64 x K] b[K x N],
// asynchronous. Registers of d belong to the operation until wgmma_wait; wgmma_fence comes before
// the first operation and whenever registers were touched in between.
#pragma once

#include "common/device.cuh"
#include "common/ptx/wgmma_operands.cuh"

namespace di::ptx {

// wgmma.fence.sync.aligned
DI_DEVICE void wgmma_fence() {
#ifdef DEEPINFRA_SIM
    di_sim_wgmma_fence();
#else
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
}

// wgmma.commit_group.sync.aligned
DI_DEVICE void wgmma_commit() {
#ifdef DEEPINFRA_SIM
    di_sim_wgmma_commit();
#else
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#endif
}

// wgmma.wait_group.sync.aligned: at most kPending groups are in flight afterwards.
template <int kPending> DI_DEVICE void wgmma_wait() {
#ifdef DEEPINFRA_SIM
    di_sim_wgmma_wait(kPending);
#else
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
#endif
}

// Keeps the compiler from moving uses of a register over a fence or a wait. The simulator needs
// nothing: its calls are opaque.
DI_DEVICE void wgmma_fence_operand(float& r) {
#ifdef DEEPINFRA_SIM
    (void)r;
#else
    asm volatile("" : "+f"(r)::"memory");
#endif
}

// Swizzle of a shared-memory matrix as descriptors count it.
enum class MatrixSwizzle : uint32_t { kNone = 0, k128 = 1, k64 = 2, k32 = 3 };

// A matrix descriptor. Offsets are bytes, multiples of 16. K-major and swizzled: stride is the
// distance of groups of 8 rows, leading is not used. MN-major and swizzled: leading is the distance
// of swizzle atoms along M or N, stride that of groups of 8 along K.
DI_DEVICE uint64_t matrix_descriptor(uint32_t address, uint32_t leading, uint32_t stride,
                                     MatrixSwizzle swizzle) {
    return static_cast<uint64_t>((address & 0x3ffff) >> 4) |
           static_cast<uint64_t>((leading & 0x3ffff) >> 4) << 16 |
           static_cast<uint64_t>((stride & 0x3ffff) >> 4) << 32 |
           static_cast<uint64_t>(swizzle) << 62;
}

// One function per N and types: wgmma_m64n<N>k<K>_<types>(d, desc_a, desc_b, accumulate) with both
// operands in shared memory, and ..._rs(d, a, desc_b, accumulate) with a in registers. Not
// accumulating overwrites d. Template parameters of 16-bit types: 1 where a or b is MN-major.
#ifdef DEEPINFRA_SIM
#define DI_PTX_TYPE_bf16 DI_SIM_BF16
#define DI_PTX_TYPE_f16 DI_SIM_F16
#define DI_PTX_TYPE_tf32 DI_SIM_TF32
#define DI_PTX_TYPE_e4m3 DI_SIM_E4M3
#define DI_PTX_TYPE_e5m2 DI_SIM_E5M2
#define DI_PTX_WGMMA16(N, K, type, count, i0, i1, i2, i3, i4, i5, i6)                              \
    template <int kTransposeA = 0, int kTransposeB = 0>                                            \
    DI_DEVICE void wgmma_m64n##N##k##K##_##type(float(&d)[count], uint64_t a, uint64_t b,          \
                                                bool accumulate) {                                 \
        di_sim_wgmma(N, K, DI_PTX_TYPE_##type, DI_PTX_TYPE_##type, DI_SIM_F32, d, nullptr, a, b,   \
                     accumulate, 1, 1, kTransposeA, kTransposeB);                                  \
    }                                                                                              \
    template <int kTransposeB = 0>                                                                 \
    DI_DEVICE void wgmma_m64n##N##k##K##_##type##_rs(float(&d)[count], const uint32_t(&a)[4],      \
                                                     uint64_t b, bool accumulate) {                \
        di_sim_wgmma(N, K, DI_PTX_TYPE_##type, DI_PTX_TYPE_##type, DI_SIM_F32, d, a, 0, b,         \
                     accumulate, 1, 1, 0, kTransposeB);                                            \
    }
#define DI_PTX_WGMMA8(N, K, type, count, i0, i1, i2, i3, i4, i5, i6)                               \
    DI_DEVICE void wgmma_m64n##N##k##K##_##type(float(&d)[count], uint64_t a, uint64_t b,          \
                                                bool accumulate) {                                 \
        di_sim_wgmma(N, K, DI_PTX_TYPE_##type, DI_PTX_TYPE_##type, DI_SIM_F32, d, nullptr, a, b,   \
                     accumulate, 1, 1, 0, 0);                                                      \
    }                                                                                              \
    DI_DEVICE void wgmma_m64n##N##k##K##_##type##_rs(float(&d)[count], const uint32_t(&a)[4],      \
                                                     uint64_t b, bool accumulate) {                \
        di_sim_wgmma(N, K, DI_PTX_TYPE_##type, DI_PTX_TYPE_##type, DI_SIM_F32, d, a, 0, b,         \
                     accumulate, 1, 1, 0, 0);                                                      \
    }
#else
// i0 to i6 are the numbers of the operands behind d.
#define DI_PTX_WGMMA16(N, K, type, count, i0, i1, i2, i3, i4, i5, i6)                              \
    template <int kTransposeA = 0, int kTransposeB = 0>                                            \
    DI_DEVICE void wgmma_m64n##N##k##K##_##type(float(&d)[count], uint64_t a, uint64_t b,          \
                                                bool accumulate) {                                 \
        asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #i2 ", 0;\n"                             \
                     "wgmma.mma_async.sync.aligned.m64n" #N "k" #K ".f32." #type "." #type         \
                     " {" DI_PTX_LIST_##count "}, %" #i0 ", %" #i1 ", p, 1, 1, %" #i3 ", %" #i4    \
                                              ";\n}"                                               \
                     : DI_PTX_OUT_##count(d)                                                       \
                     : "l"(a), "l"(b), "r"(static_cast<int>(accumulate)), "n"(kTransposeA),        \
                       "n"(kTransposeB));                                                          \
    }                                                                                              \
    template <int kTransposeB = 0>                                                                 \
    DI_DEVICE void wgmma_m64n##N##k##K##_##type##_rs(float(&d)[count], const uint32_t(&a)[4],      \
                                                     uint64_t b, bool accumulate) {                \
        asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #i5 ", 0;\n"                             \
                     "wgmma.mma_async.sync.aligned.m64n" #N "k" #K ".f32." #type "." #type         \
                     " {" DI_PTX_LIST_##count "}, {%" #i0 ", %" #i1 ", %" #i2 ", %" #i3 "}, %" #i4 \
                                              ", p, 1, 1, %" #i6 ";\n}"                            \
                     : DI_PTX_OUT_##count(d)                                                       \
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b),                         \
                       "r"(static_cast<int>(accumulate)), "n"(kTransposeB));                       \
    }
#define DI_PTX_WGMMA8(N, K, type, count, i0, i1, i2, i3, i4, i5, i6)                               \
    DI_DEVICE void wgmma_m64n##N##k##K##_##type(float(&d)[count], uint64_t a, uint64_t b,          \
                                                bool accumulate) {                                 \
        asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #i2 ", 0;\n"                             \
                     "wgmma.mma_async.sync.aligned.m64n" #N "k" #K ".f32." #type "." #type         \
                     " {" DI_PTX_LIST_##count "}, %" #i0 ", %" #i1 ", p, 1, 1;\n}"                 \
                     : DI_PTX_OUT_##count(d)                                                       \
                     : "l"(a), "l"(b), "r"(static_cast<int>(accumulate)));                         \
    }                                                                                              \
    DI_DEVICE void wgmma_m64n##N##k##K##_##type##_rs(float(&d)[count], const uint32_t(&a)[4],      \
                                                     uint64_t b, bool accumulate) {                \
        asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #i5 ", 0;\n"                             \
                     "wgmma.mma_async.sync.aligned.m64n" #N "k" #K ".f32." #type "." #type         \
                     " {" DI_PTX_LIST_##count "}, {%" #i0 ", %" #i1 ", %" #i2 ", %" #i3 "}, %" #i4 \
                                              ", p, 1, 1;\n}"                                      \
                     : DI_PTX_OUT_##count(d)                                                       \
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b),                         \
                       "r"(static_cast<int>(accumulate)));                                         \
    }
#endif

#define DI_PTX_WGMMA_ALL(N, count, i0, i1, i2, i3, i4, i5, i6)                                     \
    DI_PTX_WGMMA16(N, 16, bf16, count, i0, i1, i2, i3, i4, i5, i6)                                 \
    DI_PTX_WGMMA16(N, 16, f16, count, i0, i1, i2, i3, i4, i5, i6)                                  \
    DI_PTX_WGMMA8(N, 8, tf32, count, i0, i1, i2, i3, i4, i5, i6)                                   \
    DI_PTX_WGMMA8(N, 32, e4m3, count, i0, i1, i2, i3, i4, i5, i6)                                  \
    DI_PTX_WGMMA8(N, 32, e5m2, count, i0, i1, i2, i3, i4, i5, i6)
DI_PTX_WGMMA_ALL(8, 4, 4, 5, 6, 7, 8, 9, 10)
DI_PTX_WGMMA_ALL(16, 8, 8, 9, 10, 11, 12, 13, 14)
DI_PTX_WGMMA_ALL(32, 16, 16, 17, 18, 19, 20, 21, 22)
DI_PTX_WGMMA_ALL(64, 32, 32, 33, 34, 35, 36, 37, 38)
DI_PTX_WGMMA_ALL(96, 48, 48, 49, 50, 51, 52, 53, 54)
DI_PTX_WGMMA_ALL(128, 64, 64, 65, 66, 67, 68, 69, 70)
DI_PTX_WGMMA_ALL(192, 96, 96, 97, 98, 99, 100, 101, 102)
DI_PTX_WGMMA_ALL(256, 128, 128, 129, 130, 131, 132, 133, 134)
#undef DI_PTX_WGMMA_ALL
#undef DI_PTX_WGMMA16
#undef DI_PTX_WGMMA8

} // namespace di::ptx
