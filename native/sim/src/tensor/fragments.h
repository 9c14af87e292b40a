// SPDX-License-Identifier: MIT
// Where the elements of a matrix live in the registers of a warp, as the PTX ISA defines it for mma
// and wgmma, and how elements become floats.
#pragma once

#include <cstdint>

#include "deepinfra_sim/runtime.h"
#include "tensor/numbers.h"

namespace cudasim {

inline int element_bytes(int type) {
    switch (type) {
    case DI_SIM_E4M3:
    case DI_SIM_E5M2:
        return 1;
    case DI_SIM_TF32:
    case DI_SIM_F32:
        return 4;
    default:
        return 2;
    }
}

// Row and column of D's register i in a lane (columns 8 per step of four registers).
inline int d_row(int lane, int i) { return lane / 4 + 8 * ((i / 2) % 2); }
inline int d_column(int lane, int i) { return (i / 4) * 8 + (lane % 4) * 2 + i % 2; }

// Row and first k of A's register j; a register holds 4 / element_bytes consecutive k.
inline int a_row(int lane, int j) { return lane / 4 + 8 * (j % 2); }
inline int a_k(int lane, int j, int per_register) {
    return (lane % 4) * per_register + 4 * per_register * (j / 2);
}

// Column and first k of B's register j.
inline int b_column(int lane) { return lane / 4; }
inline int b_k(int lane, int j, int per_register) {
    return (lane % 4) * per_register + 4 * per_register * j;
}

// 256 values of an eight-bit format.
const float* small_table(int type);

inline float element_to_float(int type, const void* at) {
    std::uint16_t half;
    std::uint32_t word;
    switch (type) {
    case DI_SIM_BF16:
        std::memcpy(&half, at, 2);
        return bf16_to_float(half);
    case DI_SIM_F16:
        std::memcpy(&half, at, 2);
        return half_to_float(half);
    case DI_SIM_TF32:
        std::memcpy(&word, at, 4);
        return tf32_to_float(word);
    default:
        return small_table(type)[*static_cast<const std::uint8_t*>(at)];
    }
}

} // namespace cudasim
