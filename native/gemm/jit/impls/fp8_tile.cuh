// SPDX-License-Identifier: MIT
// Tiles of FP8 codes in shared memory, K-major whatever the order in memory: rows of kTileK codes,
// kTileRowBytes apart. Elements outside the operand become zeros and are not read.
#pragma once

#include "common/ptx.cuh"

namespace di::gemm {

// E2M1 codes are expanded to E4M3; the others stay as they are.
enum class CodeKind : int32_t { kE4M3, kE2M1, kE5M2 };

constexpr int32_t kTileRows = 64;
constexpr int32_t kTileK = 128;
// Sixteen bytes more than the codes: ldmatrix reads eight rows without bank conflicts.
constexpr int32_t kTileRowBytes = kTileK + 16;
constexpr int32_t kTileBytes = kTileRows * kTileRowBytes;

// A or B in memory.
struct CodesParams {
    const uint8_t* data;
    int64_t
        stride; // bytes from one row (K-major) or one k (MN-major) to the next, a multiple of 16
    int32_t mn;
    int32_t k;
};

// Up to four bytes; those beyond `valid` are zero and not read.
DI_DEVICE uint32_t load_bytes(const uint8_t* source, int32_t valid) {
    if (valid >= 4)
        return *reinterpret_cast<const uint32_t*>(source);
    uint32_t word = 0;
    for (int32_t i = 0; i < valid; i++)
        word |= static_cast<uint32_t>(source[i]) << (8 * i);
    return word;
}

// Four E2M1 codes as four E4M3 codes; exact. The magnitudes of the eight E2M1 values are the bytes
// of a table that
// __byte_perm indexes by nibbles.
DI_DEVICE uint32_t expand_e2m1(uint32_t codes) {
    const uint32_t magnitudes = __byte_perm(0x3C383000, 0x4C484440, codes & 0x7777);
    const uint32_t spread =
        (codes & 0x000F) | (codes & 0x00F0) << 4 | (codes & 0x0F00) << 8 | (codes & 0xF000) << 12;
    return magnitudes | (spread & 0x08080808) << 4;
}

// Transposes a square of 4 x 4 bytes.
DI_DEVICE void transpose_bytes(uint32_t (&w)[4]) {
    const uint32_t low01 = __byte_perm(w[0], w[1], 0x5140),
                   high01 = __byte_perm(w[0], w[1], 0x7362);
    const uint32_t low23 = __byte_perm(w[2], w[3], 0x5140),
                   high23 = __byte_perm(w[2], w[3], 0x7362);
    w[0] = __byte_perm(low01, low23, 0x5410);
    w[1] = __byte_perm(low01, low23, 0x7632);
    w[2] = __byte_perm(high01, high23, 0x5410);
    w[3] = __byte_perm(high01, high23, 0x7632);
}

DI_DEVICE int32_t clamp(int32_t value, int32_t low, int32_t high) {
    return value < low ? low : value > high ? high : value;
}

// K-major FP8: asynchronous copies of 16 codes.
template <int32_t kThreads>
DI_DEVICE void load_tile_async(uint8_t* smem_tile, const CodesParams& codes, int32_t mn,
                               int32_t k) {
    constexpr int32_t kChunk = 16, kChunks = kTileK / kChunk;
    const uint32_t smem = ptx::shared_address(smem_tile);
    for (int32_t i = threadIdx.x; i < kTileRows * kChunks; i += kThreads) {
        const int32_t row = i / kChunks, column = i % kChunks * kChunk;
        const int32_t valid = mn + row < codes.mn ? clamp(codes.k - k - column, 0, kChunk) : 0;
        const uint8_t* source =
            valid > 0 ? codes.data + (mn + row) * codes.stride + k + column : codes.data;
        ptx::cp_async_16(smem + row * kTileRowBytes + column, source, valid);
    }
}

// K-major E2M1: eight bytes hold sixteen codes.
template <int32_t kThreads>
DI_DEVICE void load_tile_e2m1(uint8_t* smem_tile, const CodesParams& codes, int32_t mn, int32_t k) {
    constexpr int32_t kChunk = 8, kChunks = kTileK / kChunk;
    for (int32_t i = threadIdx.x; i < kTileRows * kChunks; i += kThreads) {
        const int32_t row = i / kChunks, column = i % kChunks * kChunk;
        const int32_t valid = mn + row < codes.mn ? clamp((codes.k - k - column) / 2, 0, 4) : 0;
        const uint32_t packed =
            valid > 0 ? load_bytes(codes.data + (mn + row) * codes.stride + (k + column) / 2, valid)
                      : 0;
        auto* target = reinterpret_cast<uint32_t*>(smem_tile + row * kTileRowBytes + column);
        target[0] = expand_e2m1(packed & 0xFFFF);
        target[1] = expand_e2m1(packed >> 16);
    }
}

// MN-major: squares of 4 x 4 codes, transposed on the way.
template <CodeKind kKind, int32_t kThreads>
DI_DEVICE void load_tile_transposed(uint8_t* smem_tile, const CodesParams& codes, int32_t mn,
                                    int32_t k) {
    constexpr int32_t kPacking = kKind == CodeKind::kE2M1 ? 2 : 1;
    constexpr int32_t kSquares = kTileRows / 4;
    for (int32_t i = threadIdx.x; i < kSquares * (kTileK / 4); i += kThreads) {
        const int32_t row = i % kSquares * 4, column = i / kSquares * 4;
        const int32_t valid = clamp((codes.mn - mn - row) / kPacking, 0, 4 / kPacking);
        uint32_t square[4];
        for (int32_t j = 0; j < 4; j++) {
            square[j] = 0;
            if (valid > 0 && k + column + j < codes.k) {
                const uint8_t* source =
                    codes.data + (k + column + j) * codes.stride + (mn + row) / kPacking;
                if constexpr (kKind == CodeKind::kE2M1)
                    square[j] = expand_e2m1(source[0] | (valid > 1 ? source[1] << 8 : 0));
                else
                    square[j] = load_bytes(source, valid);
            }
        }
        transpose_bytes(square);
        for (int32_t j = 0; j < 4; j++)
            *reinterpret_cast<uint32_t*>(smem_tile + (row + j) * kTileRowBytes + column) =
                square[j];
    }
}

template <CodeKind kKind, bool kMajor, int32_t kThreads>
DI_DEVICE void load_codes(uint8_t* smem_tile, const CodesParams& codes, int32_t mn, int32_t k) {
    if constexpr (!kMajor)
        load_tile_transposed<kKind, kThreads>(smem_tile, codes, mn, k);
    else if constexpr (kKind == CodeKind::kE2M1)
        load_tile_e2m1<kThreads>(smem_tile, codes, mn, k);
    else
        load_tile_async<kThreads>(smem_tile, codes, mn, k);
}

} // namespace di::gemm
