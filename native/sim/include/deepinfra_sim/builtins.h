// SPDX-License-Identifier: MIT
// CUDA's built-in device functions, as far as kernels here use them.
#pragma once

// --- synchronisation ---
static inline void __syncthreads() { di_sim_bar_sync(0, 0); }
static inline int __syncthreads_count(int p) { return di_sim_bar_red(0, 0, 0, p); }
static inline int __syncthreads_and(int p) { return di_sim_bar_red(0, 0, 1, p); }
static inline int __syncthreads_or(int p) { return di_sim_bar_red(0, 0, 2, p); }
static inline void __syncwarp(unsigned mask = 0xffffffffu) { di_sim_syncwarp(mask); }
static inline void __threadfence_block() { di_sim_fence(DI_SIM_ACQ_REL, DI_SIM_CTA); }
static inline void __threadfence() { di_sim_fence(DI_SIM_ACQ_REL, DI_SIM_GPU); }
static inline void __threadfence_system() { di_sim_fence(DI_SIM_ACQ_REL, DI_SIM_SYS); }
static inline void __nanosleep(unsigned ns) { di_sim_nanosleep(ns); }
static inline long long clock64() { return static_cast<long long>(di_sim_clock64()); }
static inline void __trap() { di_sim_trap("__trap"); }
static inline unsigned __activemask() { return di_sim_activemask(); }

// --- warp collectives on values of up to 8 bytes ---
namespace di_sim_detail {
template <typename T> static inline di_sim_u64 to_bits(T v) {
    static_assert(sizeof(T) <= 8, "a warp collective takes values of up to 8 bytes");
    di_sim_u64 bits = 0;
    __builtin_memcpy(&bits, &v, sizeof(T));
    return bits;
}
template <typename T> static inline T from_bits(di_sim_u64 bits) {
    T v;
    __builtin_memcpy(&v, &bits, sizeof(T));
    return v;
}
} // namespace di_sim_detail

template <typename T> static inline T __shfl_sync(unsigned mask, T v, int lane, int width = 32) {
    return di_sim_detail::from_bits<T>(
        di_sim_shfl(mask, di_sim_detail::to_bits(v), lane, width, 0));
}
template <typename T>
static inline T __shfl_up_sync(unsigned mask, T v, unsigned delta, int width = 32) {
    return di_sim_detail::from_bits<T>(
        di_sim_shfl(mask, di_sim_detail::to_bits(v), static_cast<int>(delta), width, 1));
}
template <typename T>
static inline T __shfl_down_sync(unsigned mask, T v, unsigned delta, int width = 32) {
    return di_sim_detail::from_bits<T>(
        di_sim_shfl(mask, di_sim_detail::to_bits(v), static_cast<int>(delta), width, 2));
}
template <typename T>
static inline T __shfl_xor_sync(unsigned mask, T v, int lanes, int width = 32) {
    return di_sim_detail::from_bits<T>(
        di_sim_shfl(mask, di_sim_detail::to_bits(v), lanes, width, 3));
}
static inline unsigned __ballot_sync(unsigned mask, int p) { return di_sim_vote(mask, p, 0); }
static inline int __all_sync(unsigned mask, int p) {
    return static_cast<int>(di_sim_vote(mask, p, 1));
}
static inline int __any_sync(unsigned mask, int p) {
    return static_cast<int>(di_sim_vote(mask, p, 2));
}
template <typename T> static inline unsigned __match_any_sync(unsigned mask, T v) {
    return di_sim_match_any(mask, di_sim_detail::to_bits(v));
}
template <typename T> static inline unsigned __match_all_sync(unsigned mask, T v, int* p) {
    return di_sim_match_all(mask, di_sim_detail::to_bits(v), p);
}
static inline unsigned __reduce_add_sync(unsigned m, unsigned v) {
    return di_sim_reduce(m, v, DI_SIM_ADD, DI_SIM_U32);
}
static inline unsigned __reduce_min_sync(unsigned m, unsigned v) {
    return di_sim_reduce(m, v, DI_SIM_MIN, DI_SIM_U32);
}
static inline unsigned __reduce_max_sync(unsigned m, unsigned v) {
    return di_sim_reduce(m, v, DI_SIM_MAX, DI_SIM_U32);
}
static inline unsigned __reduce_and_sync(unsigned m, unsigned v) {
    return di_sim_reduce(m, v, DI_SIM_AND, DI_SIM_U32);
}
static inline unsigned __reduce_or_sync(unsigned m, unsigned v) {
    return di_sim_reduce(m, v, DI_SIM_OR, DI_SIM_U32);
}
static inline unsigned __reduce_xor_sync(unsigned m, unsigned v) {
    return di_sim_reduce(m, v, DI_SIM_XOR, DI_SIM_U32);
}
static inline int __reduce_add_sync(unsigned m, int v) {
    return static_cast<int>(di_sim_reduce(m, static_cast<unsigned>(v), DI_SIM_ADD, DI_SIM_S32));
}
static inline int __reduce_min_sync(unsigned m, int v) {
    return static_cast<int>(di_sim_reduce(m, static_cast<unsigned>(v), DI_SIM_MIN, DI_SIM_S32));
}
static inline int __reduce_max_sync(unsigned m, int v) {
    return static_cast<int>(di_sim_reduce(m, static_cast<unsigned>(v), DI_SIM_MAX, DI_SIM_S32));
}

// --- atomics (relaxed, device scope, as CUDA defines them) ---
namespace di_sim_detail {
template <typename T> struct element;
template <> struct element<int> { static constexpr int type = DI_SIM_S32; };
template <> struct element<unsigned> { static constexpr int type = DI_SIM_U32; };
template <> struct element<long> { static constexpr int type = DI_SIM_S64; };
template <> struct element<unsigned long> { static constexpr int type = DI_SIM_U64; };
template <> struct element<long long> { static constexpr int type = DI_SIM_S64; };
template <> struct element<unsigned long long> { static constexpr int type = DI_SIM_U64; };
template <> struct element<float> { static constexpr int type = DI_SIM_F32; };
template <> struct element<double> { static constexpr int type = DI_SIM_F64; };
template <> struct element<unsigned short> { static constexpr int type = DI_SIM_U16; };

template <typename T> struct same { typedef T type; };
template <typename T> static inline T atomic(int op, int scope, T* p, T v, T compare = T()) {
    return from_bits<T>(di_sim_atomic(op, element<T>::type, DI_SIM_RELAXED, scope, p, to_bits(v),
                                      to_bits(compare)));
}
} // namespace di_sim_detail

#define DI_SIM_ATOMIC(name, op)                                                                    \
    template <typename T> static inline T name(T* p, typename di_sim_detail::same<T>::type v) {    \
        return di_sim_detail::atomic<T>(op, DI_SIM_GPU, p, v);                                     \
    }                                                                                              \
    template <typename T>                                                                          \
    static inline T name##_block(T* p, typename di_sim_detail::same<T>::type v) {                  \
        return di_sim_detail::atomic<T>(op, DI_SIM_CTA, p, v);                                     \
    }                                                                                              \
    template <typename T>                                                                          \
    static inline T name##_system(T* p, typename di_sim_detail::same<T>::type v) {                 \
        return di_sim_detail::atomic<T>(op, DI_SIM_SYS, p, v);                                     \
    }
DI_SIM_ATOMIC(atomicAdd, DI_SIM_ADD)
DI_SIM_ATOMIC(atomicMin, DI_SIM_MIN)
DI_SIM_ATOMIC(atomicMax, DI_SIM_MAX)
DI_SIM_ATOMIC(atomicInc, DI_SIM_INC)
DI_SIM_ATOMIC(atomicDec, DI_SIM_DEC)
DI_SIM_ATOMIC(atomicAnd, DI_SIM_AND)
DI_SIM_ATOMIC(atomicOr, DI_SIM_OR)
DI_SIM_ATOMIC(atomicXor, DI_SIM_XOR)
DI_SIM_ATOMIC(atomicExch, DI_SIM_EXCH)
#undef DI_SIM_ATOMIC
template <typename T>
static inline T atomicCAS(T* p, typename di_sim_detail::same<T>::type compare,
                          typename di_sim_detail::same<T>::type v) {
    return di_sim_detail::atomic<T>(DI_SIM_CAS, DI_SIM_GPU, p, v, compare);
}
template <typename T>
static inline T atomicCAS_system(T* p, typename di_sim_detail::same<T>::type compare,
                                 typename di_sim_detail::same<T>::type v) {
    return di_sim_detail::atomic<T>(DI_SIM_CAS, DI_SIM_SYS, p, v, compare);
}

// --- loads that only hint at a cache ---
template <typename T> static inline T __ldg(const T* p) { return *p; }
template <typename T> static inline T __ldcg(const T* p) { return *p; }
template <typename T> static inline T __ldcs(const T* p) { return *p; }
template <typename T> static inline void __stcs(T* p, T v) { *p = v; }

// --- bits and addresses ---
static inline int __popc(unsigned v) { return __builtin_popcount(v); }
static inline int __popcll(unsigned long long v) { return __builtin_popcountll(v); }
static inline int __clz(int v) { return v == 0 ? 32 : __builtin_clz(static_cast<unsigned>(v)); }
static inline int __clzll(long long v) {
    return v == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(v));
}
static inline int __ffs(int v) { return __builtin_ffs(v); }
static inline int __ffsll(long long v) { return __builtin_ffsll(v); }
static inline unsigned __brev(unsigned v) {
    unsigned r = 0;
    for (int i = 0; i < 32; ++i)
        r |= (v >> i & 1) << (31 - i);
    return r;
}
static inline unsigned __byte_perm(unsigned a, unsigned b, unsigned s) {
    unsigned long long both = static_cast<unsigned long long>(b) << 32 | a;
    unsigned r = 0;
    for (int i = 0; i < 4; ++i) {
        unsigned sel = s >> (4 * i) & 15;
        unsigned byte = static_cast<unsigned>(both >> (8 * (sel & 7))) & 255;
        if ((sel & 8) != 0)
            byte = (byte & 128) != 0 ? 255 : 0;
        r |= byte << (8 * i);
    }
    return r;
}
static inline unsigned __funnelshift_r(unsigned lo, unsigned hi, unsigned s) {
    unsigned long long both = static_cast<unsigned long long>(hi) << 32 | lo;
    return static_cast<unsigned>(both >> (s & 31));
}
static inline unsigned __funnelshift_l(unsigned lo, unsigned hi, unsigned s) {
    unsigned long long both = static_cast<unsigned long long>(hi) << 32 | lo;
    return static_cast<unsigned>(both << (s & 31) >> 32);
}
static inline unsigned __umulhi(unsigned a, unsigned b) {
    return static_cast<unsigned>(static_cast<unsigned long long>(a) * b >> 32);
}
static inline unsigned long long __cvta_generic_to_shared(const void* p) {
    return di_sim_to_shared(p);
}
static inline void* __cvta_shared_to_generic(unsigned long long a) {
    return di_sim_from_shared(static_cast<unsigned>(a));
}
static inline bool __isShared(const void* p) { return di_sim_is_shared(p) != 0; }
static inline bool __isGlobal(const void* p) { return di_sim_is_global(p) != 0; }

// --- numbers ---
#define DI_SIM_MIN_MAX(T)                                                                          \
    static inline constexpr T min(T a, T b) { return b < a ? b : a; }                              \
    static inline constexpr T max(T a, T b) { return a < b ? b : a; }
DI_SIM_MIN_MAX(int)
DI_SIM_MIN_MAX(unsigned)
DI_SIM_MIN_MAX(long)
DI_SIM_MIN_MAX(unsigned long)
DI_SIM_MIN_MAX(long long)
DI_SIM_MIN_MAX(unsigned long long)
#undef DI_SIM_MIN_MAX
static inline float min(float a, float b) { return __builtin_fminf(a, b); }
static inline float max(float a, float b) { return __builtin_fmaxf(a, b); }
static inline double min(double a, double b) { return __builtin_fmin(a, b); }
static inline double max(double a, double b) { return __builtin_fmax(a, b); }
template <typename To, typename From> static inline To di_sim_bit_cast(From f) {
    static_assert(sizeof(To) == sizeof(From), "sizes differ");
    To t;
    __builtin_memcpy(&t, &f, sizeof t);
    return t;
}
static inline int __float_as_int(float f) { return di_sim_bit_cast<int>(f); }
static inline unsigned __float_as_uint(float f) { return di_sim_bit_cast<unsigned>(f); }
static inline float __int_as_float(int i) { return di_sim_bit_cast<float>(i); }
static inline float __uint_as_float(unsigned u) { return di_sim_bit_cast<float>(u); }
static inline long long __double_as_longlong(double d) { return di_sim_bit_cast<long long>(d); }
static inline double __longlong_as_double(long long l) { return di_sim_bit_cast<double>(l); }
static inline float __fdividef(float a, float b) { return a / b; }
static inline float __frcp_rn(float a) { return 1.0f / a; }
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fmaf_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline float __fsqrt_rn(float a) { return __builtin_sqrtf(a); }
static inline float __expf(float a) { return __builtin_expf(a); }
static inline float __logf(float a) { return __builtin_logf(a); }
static inline float __log2f(float a) { return __builtin_log2f(a); }
static inline int __float2int_rn(float a) { return static_cast<int>(__builtin_nearbyintf(a)); }
static inline float __saturatef(float a) {
    return a < 0 ? 0.0f : (a > 1 ? 1.0f : (a == a ? a : 0.0f));
}
static inline float rsqrtf(float a) { return 1.0f / __builtin_sqrtf(a); }
#ifndef DI_SIM_HOST_HEADERS
// Without standard headers these are not declared; with them they come from <cmath>.
extern "C" {
float exp2f(float) noexcept;
float log2f(float) noexcept;
float expf(float) noexcept;
float logf(float) noexcept;
float sqrtf(float) noexcept;
float fabsf(float) noexcept;
float fmaxf(float, float) noexcept;
float fminf(float, float) noexcept;
float fmaf(float, float, float) noexcept;
float floorf(float) noexcept;
float ceilf(float) noexcept;
float rintf(float) noexcept;
float truncf(float) noexcept;
float ldexpf(float, int) noexcept;
float tanhf(float) noexcept;
float copysignf(float, float) noexcept;
double sqrt(double) noexcept;
double fabs(double) noexcept;
void* memcpy(void*, const void*, unsigned long) noexcept;
void* memset(void*, int, unsigned long) noexcept;
}
#endif
#define printf di_sim_printf
#undef assert
#define assert(e) ((e) ? (void)0 : di_sim_assert_fail(#e, __FILE__, __LINE__))
