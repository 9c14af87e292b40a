// SPDX-License-Identifier: MIT
#include "memory/atomic_math.h"

#include <algorithm>
#include <cstring>

#include "deepinfra_sim/runtime.h"
#include "tensor/numbers.h"

namespace cudasim {

namespace {

template <typename T> T from_bits(std::uint64_t bits) {
    T v;
    std::memcpy(&v, &bits, sizeof v);
    return v;
}
template <typename T> std::uint64_t to_bits(T v) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &v, sizeof v);
    return bits;
}

template <typename T> T integer(int op, T old, T value, T compare) {
    switch (op) {
    case DI_SIM_ADD:
        return static_cast<T>(old + value);
    case DI_SIM_MIN:
        return std::min(old, value);
    case DI_SIM_MAX:
        return std::max(old, value);
    case DI_SIM_INC:
        return old >= value ? T{0} : static_cast<T>(old + 1);
    case DI_SIM_DEC:
        return old == 0 || old > value ? value : static_cast<T>(old - 1);
    case DI_SIM_AND:
        return old & value;
    case DI_SIM_OR:
        return old | value;
    case DI_SIM_XOR:
        return old ^ value;
    case DI_SIM_EXCH:
        return value;
    default:
        return old == compare ? value : old;
    }
}

template <typename T> T floating(int op, T old, T value) {
    if (op == DI_SIM_MIN)
        return std::fmin(old, value);
    if (op == DI_SIM_MAX)
        return std::fmax(old, value);
    if (op == DI_SIM_EXCH)
        return value;
    return old + value;
}

std::uint16_t half_step(int op, std::uint16_t old, std::uint16_t value) {
    return float_to_half(floating(op, half_to_float(old), half_to_float(value)));
}
std::uint16_t bf16_step(int op, std::uint16_t old, std::uint16_t value) {
    return float_to_bf16(floating(op, bf16_to_float(old), bf16_to_float(value)));
}

template <typename T>
std::uint64_t apply(int op, int type, void* p, std::uint64_t value, std::uint64_t compare) {
    T* at = static_cast<T*>(p);
    T old = __atomic_load_n(at, __ATOMIC_SEQ_CST);
    T next;
    do {
        next = static_cast<T>(combine(op, type, old, value, compare));
    } while (
        !__atomic_compare_exchange_n(at, &old, next, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    return old;
}

} // namespace

std::size_t atomic_bytes(int type) {
    switch (type) {
    case DI_SIM_U8:
    case DI_SIM_E4M3:
    case DI_SIM_E5M2:
        return 1;
    case DI_SIM_U16:
    case DI_SIM_F16:
    case DI_SIM_BF16:
        return 2;
    case DI_SIM_U64:
    case DI_SIM_S64:
    case DI_SIM_F64:
        return 8;
    default:
        return 4;
    }
}

std::uint64_t combine(int op, int type, std::uint64_t old, std::uint64_t value,
                      std::uint64_t compare) {
    auto lo = [](std::uint64_t v) { return static_cast<std::uint16_t>(v); };
    auto hi = [](std::uint64_t v) { return static_cast<std::uint16_t>(v >> 16); };
    switch (type) {
    case DI_SIM_U8:
        return to_bits(integer(op, from_bits<std::uint8_t>(old), from_bits<std::uint8_t>(value),
                               from_bits<std::uint8_t>(compare)));
    case DI_SIM_U16:
        return to_bits(integer(op, from_bits<std::uint16_t>(old), from_bits<std::uint16_t>(value),
                               from_bits<std::uint16_t>(compare)));
    case DI_SIM_S32:
        return to_bits(integer(op, from_bits<std::int32_t>(old), from_bits<std::int32_t>(value),
                               from_bits<std::int32_t>(compare)));
    case DI_SIM_U64:
        return integer(op, old, value, compare);
    case DI_SIM_S64:
        return to_bits(integer(op, from_bits<std::int64_t>(old), from_bits<std::int64_t>(value),
                               from_bits<std::int64_t>(compare)));
    case DI_SIM_F32:
        return to_bits(floating(op, from_bits<float>(old), from_bits<float>(value)));
    case DI_SIM_F64:
        return to_bits(floating(op, from_bits<double>(old), from_bits<double>(value)));
    case DI_SIM_F16:
        return half_step(op, lo(old), lo(value));
    case DI_SIM_BF16:
        return bf16_step(op, lo(old), lo(value));
    case DI_SIM_F16X2:
        return half_step(op, lo(old), lo(value)) | std::uint64_t{half_step(op, hi(old), hi(value))}
                                                       << 16;
    case DI_SIM_BF16X2:
        return bf16_step(op, lo(old), lo(value)) | std::uint64_t{bf16_step(op, hi(old), hi(value))}
                                                       << 16;
    default:
        return to_bits(integer(op, from_bits<std::uint32_t>(old), from_bits<std::uint32_t>(value),
                               from_bits<std::uint32_t>(compare)));
    }
}

std::uint64_t atomic_apply(int op, int type, void* p, std::uint64_t value, std::uint64_t compare) {
    switch (atomic_bytes(type)) {
    case 1:
        return apply<std::uint8_t>(op, type, p, value, compare);
    case 2:
        return apply<std::uint16_t>(op, type, p, value, compare);
    case 4:
        return apply<std::uint32_t>(op, type, p, value, compare);
    default:
        return apply<std::uint64_t>(op, type, p, value, compare);
    }
}

std::uint64_t atomic_load(const void* p, std::size_t bytes) {
    switch (bytes) {
    case 1:
        return __atomic_load_n(static_cast<const std::uint8_t*>(p), __ATOMIC_SEQ_CST);
    case 2:
        return __atomic_load_n(static_cast<const std::uint16_t*>(p), __ATOMIC_SEQ_CST);
    case 4:
        return __atomic_load_n(static_cast<const std::uint32_t*>(p), __ATOMIC_SEQ_CST);
    default:
        return __atomic_load_n(static_cast<const std::uint64_t*>(p), __ATOMIC_SEQ_CST);
    }
}

void atomic_store(void* p, std::size_t bytes, std::uint64_t value) {
    switch (bytes) {
    case 1:
        __atomic_store_n(static_cast<std::uint8_t*>(p), static_cast<std::uint8_t>(value),
                         __ATOMIC_SEQ_CST);
        break;
    case 2:
        __atomic_store_n(static_cast<std::uint16_t*>(p), static_cast<std::uint16_t>(value),
                         __ATOMIC_SEQ_CST);
        break;
    case 4:
        __atomic_store_n(static_cast<std::uint32_t*>(p), static_cast<std::uint32_t>(value),
                         __ATOMIC_SEQ_CST);
        break;
    default:
        __atomic_store_n(static_cast<std::uint64_t*>(p), value, __ATOMIC_SEQ_CST);
    }
}

} // namespace cudasim
