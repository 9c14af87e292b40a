// SPDX-License-Identifier: MIT
// Reductions as the PTX ISA defines them, element by element: of integers of the type's width, or
// on the value that a format stands for, rounded once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/rng.h"
#include "deepinfra_sim/runtime.h"
#include "tensor/numbers.h"

namespace cudasim::test {

template <typename T> std::uint64_t reduce_integer(int op, std::uint64_t a, std::uint64_t b) {
    const T old = static_cast<T>(a), value = static_cast<T>(b);
    T result = 0;
    switch (op) {
    case DI_SIM_ADD:
        result = static_cast<T>(a + b);
        break;
    case DI_SIM_MIN:
        result = old < value ? old : value;
        break;
    case DI_SIM_MAX:
        result = old < value ? value : old;
        break;
    case DI_SIM_INC:
        result = old >= value ? 0 : old + 1;
        break;
    case DI_SIM_DEC:
        result = old == 0 || old > value ? value : old - 1;
        break;
    case DI_SIM_AND:
        result = old & value;
        break;
    case DI_SIM_OR:
        result = old | value;
        break;
    default:
        result = old ^ value;
    }
    return sizeof(T) == 4 ? static_cast<std::uint32_t>(result) : static_cast<std::uint64_t>(result);
}

template <typename T> T reduce_number(int op, T old, T value) {
    return op == DI_SIM_ADD   ? old + value
           : op == DI_SIM_MIN ? std::min(old, value)
                              : std::max(old, value);
}

inline std::uint64_t reduced(int type, int op, std::uint64_t old, std::uint64_t value) {
    auto half = [](std::uint64_t v) { return half_to_float(static_cast<std::uint16_t>(v)); };
    auto bf16 = [](std::uint64_t v) { return bf16_to_float(static_cast<std::uint16_t>(v)); };
    auto single = [](std::uint64_t v) { return bits_float(static_cast<std::uint32_t>(v)); };
    switch (type) {
    case DI_SIM_U32:
        return reduce_integer<std::uint32_t>(op, old, value);
    case DI_SIM_S32:
        return reduce_integer<std::int32_t>(op, old, value);
    case DI_SIM_U64:
        return reduce_integer<std::uint64_t>(op, old, value);
    case DI_SIM_S64:
        return reduce_integer<std::int64_t>(op, old, value);
    case DI_SIM_F16:
        return float_to_half(reduce_number(op, half(old), half(value)));
    case DI_SIM_BF16:
        return float_to_bf16(reduce_number(op, bf16(old), bf16(value)));
    case DI_SIM_F32:
        return float_bits(reduce_number(op, single(old), single(value)));
    default: {
        double a, b;
        std::memcpy(&a, &old, 8);
        std::memcpy(&b, &value, 8);
        a = reduce_number(op, a, b);
        std::memcpy(&old, &a, 8);
        return old;
    }
    }
}

inline unsigned reduce_bytes(int type) {
    switch (type) {
    case DI_SIM_U8:
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

// An element's bits: numbers whose sums are exact, or anything.
inline std::uint64_t reduce_operand(int type, Rng& rng) {
    auto small = static_cast<float>(static_cast<int>(rng.below(65)) - 32) / 4;
    double wide = small;
    std::uint64_t bits = 0;
    switch (type) {
    case DI_SIM_F16:
        return float_to_half(small);
    case DI_SIM_BF16:
        return float_to_bf16(small);
    case DI_SIM_F32:
        return float_bits(small);
    case DI_SIM_F64:
        std::memcpy(&bits, &wide, 8);
        return bits;
    default:
        return rng.below(8) == 0 ? rng.below(4) : rng.next();
    }
}

} // namespace cudasim::test
