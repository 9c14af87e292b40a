// SPDX-License-Identifier: MIT
#include "tensor/operands.h"

#include <cstring>

#include "core/vectors.h"
#include "tensor/fragments.h"

namespace cudasim {

namespace {

using Quad = float __attribute__((vector_size(16)));

template <typename Element, typename Convert>
inline __attribute__((always_inline)) void decode(const std::uint8_t* base,
                                                  const std::uint32_t* offsets, int count,
                                                  float* out, Convert convert) {
    constexpr int kPerChunk = 16 / sizeof(Element);
    for (int i = 0; i < count; ++i) {
        Element elements[kPerChunk];
        std::memcpy(elements, base + offsets[i], sizeof elements);
        for (int e = 0; e < kPerChunk; ++e)
            out[i * kPerChunk + e] = convert(elements[e]);
    }
}

// Calls f(index in the registers, index in the tile) for every pair of neighbours.
template <typename F> inline __attribute__((always_inline)) void for_each_pair(int n, F f) {
    for (int row = 0; row < 64; ++row) {
        // Lanes 4 (row mod 8) and the next three of the warp hold the row.
        int thread = row / 16 * 32 + row % 8 * 4, half = row % 16 / 8 * 2;
        for (int step = 0; step < n / 8; ++step)
            for (int q = 0; q < 4; ++q)
                f((thread + q) * (n / 2) + step * 4 + half, row * n + step * 8 + q * 2);
    }
}

inline __attribute__((always_inline)) void decode_chunks_body(int type, const std::uint8_t* base,
                                                              const std::uint32_t* offsets,
                                                              int count, float* out) {
    switch (type) {
    case DI_SIM_BF16:
        decode<std::uint16_t>(base, offsets, count, out,
                              [](std::uint16_t v) { return bf16_to_float(v); });
        break;
    case DI_SIM_F16:
        decode<std::uint16_t>(base, offsets, count, out,
                              [](std::uint16_t v) { return half_to_float(v); });
        break;
    case DI_SIM_TF32:
        decode<std::uint32_t>(base, offsets, count, out,
                              [](std::uint32_t v) { return tf32_to_float(v); });
        break;
    default:
        decode<std::uint8_t>(base, offsets, count, out,
                             [table = small_table(type)](std::uint8_t v) { return table[v]; });
    }
}

inline __attribute__((always_inline)) void transpose_body(const float* in, int rows, int columns,
                                                          float* out) {
    for (int c = 0; c < columns; c += 4) {
        for (int r = 0; r < rows; r += 4) {
            Quad q[4];
            for (int i = 0; i < 4; ++i)
                std::memcpy(&q[i], in + (r + i) * columns + c, sizeof(Quad));
            Quad low01 = __builtin_shufflevector(q[0], q[1], 0, 4, 1, 5);
            Quad high01 = __builtin_shufflevector(q[0], q[1], 2, 6, 3, 7);
            Quad low23 = __builtin_shufflevector(q[2], q[3], 0, 4, 1, 5);
            Quad high23 = __builtin_shufflevector(q[2], q[3], 2, 6, 3, 7);
            q[0] = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
            q[1] = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
            q[2] = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
            q[3] = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
            for (int i = 0; i < 4; ++i)
                std::memcpy(out + (c + i) * rows + r, &q[i], sizeof(Quad));
        }
    }
}

} // namespace

CUDASIM_VECTORS(void, decode_chunks,
                (int type, const std::uint8_t* base, const std::uint32_t* offsets, int count,
                 float* out),
                (type, base, offsets, count, out))
CUDASIM_VECTORS(void, transpose, (const float* in, int rows, int columns, float* out),
                (in, rows, columns, out))

void tile_from_registers(const float* registers, int n, float* tile) {
    for_each_pair(n, [=](int r, int t) { std::memcpy(tile + t, registers + r, 8); });
}

void tile_to_registers(const float* tile, int n, float* registers) {
    for_each_pair(n, [=](int r, int t) { std::memcpy(registers + r, tile + t, 8); });
}

} // namespace cudasim
