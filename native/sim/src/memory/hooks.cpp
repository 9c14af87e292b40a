// SPDX-License-Identifier: MIT
// The functions that -fsanitize=thread makes the compiler call before every access of device code.
#include <cstdint>

#include "core/report.h"
#include "core/worker.h"
#include "memory/access.h"
#include "memory/strong.h"

namespace cudasim {
namespace {

inline void plain(const void* p, std::size_t bytes, bool write, bool aligned, const void* caller) {
    Thread* t = tls_thread;
    if (t == nullptr)
        return;
    const auto* at = static_cast<const std::uint8_t*>(p);
    if (at >= t->stack.low && at < t->stack.high) {
        if (t->watch && t->block->checks)
            t->watch->access(t, at, bytes, write, caller);
        return;
    }
    AccessFlags flags;
    flags.write = write;
    flags.what = write ? "store" : "load";
    if (aligned && reinterpret_cast<std::uintptr_t>(p) % bytes != 0) {
        fail(t, caller, "misaligned address", "%s of %zu bytes at address %p", flags.what, bytes,
             p);
    }
    check_access(t, p, bytes, flags, caller);
}

} // namespace
} // namespace cudasim

#define CALLER __builtin_return_address(0)
#define EXPORT extern "C" __attribute__((visibility("default")))

#define PLAIN(n)                                                                                   \
    EXPORT void __tsan_read##n(void* p) { cudasim::plain(p, n, false, true, CALLER); }             \
    EXPORT void __tsan_write##n(void* p) { cudasim::plain(p, n, true, true, CALLER); }             \
    EXPORT void __tsan_unaligned_read##n(void* p) { cudasim::plain(p, n, false, false, CALLER); }  \
    EXPORT void __tsan_unaligned_write##n(void* p) { cudasim::plain(p, n, true, false, CALLER); }  \
    EXPORT void __tsan_volatile_read##n(void* p) {                                                 \
        cudasim::volatile_access(p, n, false, CALLER);                                             \
    }                                                                                              \
    EXPORT void __tsan_volatile_write##n(void* p) {                                                \
        cudasim::volatile_access(p, n, true, CALLER);                                              \
    }                                                                                              \
    EXPORT void __tsan_unaligned_volatile_read##n(void* p) {                                       \
        cudasim::volatile_access(p, n, false, CALLER);                                             \
    }                                                                                              \
    EXPORT void __tsan_unaligned_volatile_write##n(void* p) {                                      \
        cudasim::volatile_access(p, n, true, CALLER);                                              \
    }
PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)
#undef PLAIN

EXPORT void __tsan_read_range(void* p, std::size_t n) {
    if (n != 0)
        cudasim::plain(p, n, false, false, CALLER);
}
EXPORT void __tsan_write_range(void* p, std::size_t n) {
    if (n != 0)
        cudasim::plain(p, n, true, false, CALLER);
}
EXPORT void __tsan_init() {}
EXPORT void __tsan_func_entry(void*) {}
EXPORT void __tsan_func_exit() {}
EXPORT void __tsan_vptr_update(void**, void*) {}
EXPORT void __tsan_vptr_read(void**) {}
EXPORT void __tsan_atomic_thread_fence(int) {
    cudasim::Thread* t = cudasim::tls_thread;
    if (t == nullptr) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        return;
    }
    cudasim::strong_fence(t, DI_SIM_ACQ_REL, DI_SIM_SYS);
}
EXPORT void __tsan_atomic_signal_fence(int) {}

// What -fsanitize=alignment calls when a pointer does not have its type's alignment. The compiler
// may split a vector access into scalar ones, so that the size of an access alone would not show
// it.
struct AlignmentData {
    const char* file;
    std::uint32_t line, column;
    const void* type;
    unsigned char log_alignment, kind;
};
EXPORT void __ubsan_handle_type_mismatch_v1(AlignmentData* data, std::uintptr_t pointer) {
    cudasim::Thread* t = cudasim::tls_thread;
    if (t == nullptr || pointer == 0)
        return;
    cudasim::fail(t, CALLER, "misaligned address", "%s:%u: address 0x%lx must be a multiple of %u",
                  data->file, data->line, static_cast<unsigned long>(pointer),
                  1u << data->log_alignment);
}

namespace {

using cudasim::tls_thread;

int order_of(int c11, bool load) {
    if (c11 == __ATOMIC_RELAXED)
        return DI_SIM_RELAXED;
    if (c11 == __ATOMIC_ACQUIRE || c11 == __ATOMIC_CONSUME)
        return DI_SIM_ACQUIRE;
    if (c11 == __ATOMIC_RELEASE)
        return DI_SIM_RELEASE;
    return load ? DI_SIM_ACQUIRE : DI_SIM_ACQ_REL;
}

template <typename T> T value_of(std::uint64_t bits) {
    T v;
    __builtin_memcpy(&v, &bits, sizeof v);
    return v;
}

template <typename T> constexpr int type_of() {
    return sizeof(T) == 1   ? DI_SIM_U8
           : sizeof(T) == 2 ? DI_SIM_U16
           : sizeof(T) == 4 ? DI_SIM_U32
                            : DI_SIM_U64;
}

template <typename T>
T rmw(int op, volatile T* p, T value, T compare, int order, const void* caller,
      int failure = __ATOMIC_RELAXED) {
    return static_cast<T>(cudasim::strong_atomic(
        tls_thread,
        {op, type_of<T>(), order_of(order, false), DI_SIM_SYS, true, order_of(failure, true)},
        const_cast<T*>(p), value, compare, caller));
}

} // namespace

// Host code in an instrumented translation unit uses the same entry points: then the plain builtin.
#define ATOMIC(bits, T)                                                                            \
    EXPORT T __tsan_atomic##bits##_load(const volatile T* p, int order) {                          \
        if (tls_thread == nullptr)                                                                 \
            return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                           \
        T v;                                                                                       \
        cudasim::strong_load(tls_thread, &v, const_cast<T*>(p), sizeof v, order_of(order, true),   \
                             DI_SIM_SYS, CALLER);                                                  \
        return v;                                                                                  \
    }                                                                                              \
    EXPORT void __tsan_atomic##bits##_store(volatile T* p, T v, int order) {                       \
        if (tls_thread == nullptr) {                                                               \
            __atomic_store_n(p, v, __ATOMIC_SEQ_CST);                                              \
            return;                                                                                \
        }                                                                                          \
        int o = order == __ATOMIC_RELAXED ? DI_SIM_RELAXED : DI_SIM_RELEASE;                       \
        cudasim::strong_store(tls_thread, const_cast<T*>(p), &v, sizeof v, o, DI_SIM_SYS, CALLER); \
    }                                                                                              \
    EXPORT T __tsan_atomic##bits##_exchange(volatile T* p, T v, int order) {                       \
        if (tls_thread == nullptr)                                                                 \
            return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                                    \
        return rmw<T>(DI_SIM_EXCH, p, v, 0, order, CALLER);                                        \
    }                                                                                              \
    EXPORT T __tsan_atomic##bits##_fetch_add(volatile T* p, T v, int order) {                      \
        if (tls_thread == nullptr)                                                                 \
            return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);                                     \
        return rmw<T>(DI_SIM_ADD, p, v, 0, order, CALLER);                                         \
    }                                                                                              \
    EXPORT T __tsan_atomic##bits##_fetch_sub(volatile T* p, T v, int order) {                      \
        if (tls_thread == nullptr)                                                                 \
            return __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST);                                     \
        return rmw<T>(DI_SIM_ADD, p, static_cast<T>(-v), 0, order, CALLER);                        \
    }                                                                                              \
    EXPORT T __tsan_atomic##bits##_fetch_and(volatile T* p, T v, int order) {                      \
        if (tls_thread == nullptr)                                                                 \
            return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST);                                     \
        return rmw<T>(DI_SIM_AND, p, v, 0, order, CALLER);                                         \
    }                                                                                              \
    EXPORT T __tsan_atomic##bits##_fetch_or(volatile T* p, T v, int order) {                       \
        if (tls_thread == nullptr)                                                                 \
            return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST);                                      \
        return rmw<T>(DI_SIM_OR, p, v, 0, order, CALLER);                                          \
    }                                                                                              \
    EXPORT T __tsan_atomic##bits##_fetch_xor(volatile T* p, T v, int order) {                      \
        if (tls_thread == nullptr)                                                                 \
            return __atomic_fetch_xor(p, v, __ATOMIC_SEQ_CST);                                     \
        return rmw<T>(DI_SIM_XOR, p, v, 0, order, CALLER);                                         \
    }                                                                                              \
    EXPORT int __tsan_atomic##bits##_compare_exchange_strong(volatile T* p, T* expected, T v,      \
                                                             int order, int failure) {             \
        if (tls_thread == nullptr) {                                                               \
            return __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST,            \
                                               __ATOMIC_SEQ_CST);                                  \
        }                                                                                          \
        T old = rmw<T>(DI_SIM_CAS, p, v, *expected, order, CALLER, failure);                       \
        if (old == *expected)                                                                      \
            return 1;                                                                              \
        *expected = old;                                                                           \
        return 0;                                                                                  \
    }                                                                                              \
    EXPORT int __tsan_atomic##bits##_compare_exchange_weak(volatile T* p, T* e, T v, int order,    \
                                                           int f) {                                \
        return __tsan_atomic##bits##_compare_exchange_strong(p, e, v, order, f);                   \
    }                                                                                              \
    EXPORT T __tsan_atomic##bits##_compare_exchange_val(volatile T* p, T e, T v, int order,        \
                                                        int f) {                                   \
        __tsan_atomic##bits##_compare_exchange_strong(p, &e, v, order, f);                         \
        return e;                                                                                  \
    }
ATOMIC(8, std::uint8_t)
ATOMIC(16, std::uint16_t)
ATOMIC(32, std::uint32_t)
ATOMIC(64, std::uint64_t)
