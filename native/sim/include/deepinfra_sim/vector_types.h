// SPDX-License-Identifier: MIT
// CUDA's vector types, with the alignment that makes their accesses single ones.
#pragma once

#define DI_SIM_VECTOR(T, N, A2, A4)                                                                \
    struct N##1 {                                                                                  \
        T x;                                                                                       \
    };                                                                                             \
    struct alignas(A2) N##2 {                                                                      \
        T x, y;                                                                                    \
    };                                                                                             \
    struct N##3 {                                                                                  \
        T x, y, z;                                                                                 \
    };                                                                                             \
    struct alignas(A4) N##4 {                                                                      \
        T x, y, z, w;                                                                              \
    };                                                                                             \
    static inline N##2 make_##N##2(T x, T y) { return N##2 {x, y}; }                               \
    static inline N##3 make_##N##3(T x, T y, T z) { return N##3 {x, y, z}; }                       \
    static inline N##4 make_##N##4(T x, T y, T z, T w) { return N##4 {x, y, z, w}; }
DI_SIM_VECTOR(signed char, char, 2, 4)
DI_SIM_VECTOR(unsigned char, uchar, 2, 4)
DI_SIM_VECTOR(short, short, 4, 8)
DI_SIM_VECTOR(unsigned short, ushort, 4, 8)
DI_SIM_VECTOR(int, int, 8, 16)
DI_SIM_VECTOR(unsigned, uint, 8, 16)
DI_SIM_VECTOR(float, float, 8, 16)
DI_SIM_VECTOR(long long, longlong, 16, 16)
DI_SIM_VECTOR(unsigned long long, ulonglong, 16, 16)
#undef DI_SIM_VECTOR
struct alignas(16) double2 {
    double x, y;
};
static inline double2 make_double2(double x, double y) { return double2{x, y}; }

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};
