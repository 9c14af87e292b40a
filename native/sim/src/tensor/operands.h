// SPDX-License-Identifier: MIT
// Operands of a multiplication as floats: elements of shared memory and registers of threads, put
// into the order in which the multiplication reads them.
#pragma once

#include <cstdint>

namespace cudasim {

// count pieces of 16 bytes at base + offsets[i], one after the other, as floats.
void decode_chunks(int type, const std::uint8_t* base, const std::uint32_t* offsets, int count,
                   float* out);

// out[columns][rows] = in[rows][columns]; both are multiples of 4.
void transpose(const float* in, int rows, int columns, float* out);

// A 64 x n tile by rows, from and to the registers of 128 threads, n / 2 of each thread together.
void tile_from_registers(const float* registers, int n, float* tile);
void tile_to_registers(const float* tile, int n, float* registers);

} // namespace cudasim
