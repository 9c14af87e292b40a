// SPDX-License-Identifier: MIT
// What: fine-grained quantisation to FP8 and FP4 and back. Per block of elements amax = max(1e-4,
// largest magnitude),
//   scale = amax / MAX (or amax * round(1/MAX)), rounded up to a power of two if asked for, code =
//   round(x * factor).
// Tensors: values [...,M,K] float32 or bfloat16, any strides; data [...,M,K] E4M3 or E5M2, or
//   [...,M,K/2] two E2M1 codes per byte, innermost stride 1; scales float32, E8M0 or four E8M0
//   codes per int32 word along the quantised dimension, any strides.
// Tiling: per token: one warp per row and granularity columns, lanes stride over the columns, the
// maximum by shuffles.
//   per block: one thread block per granularity x granularity elements, a warp per row, the maximum
//   through shared memory.
//   per channel: one thread block per granularity rows and 32 columns, a lane per column, the
//   maximum through shared memory. dequantise: grid-stride loop over elements.
// Shared memory: per block one word per warp, per channel one per thread.
// Bound: memory; values are read twice, the second time from L1 or L2.
// Sources: DeepGEMM and DeepEP for the two formulas; the managed Quantizer is the oracle, bit by
// bit.
#include "common/device.cuh"
#include "core/kernels/layout.cuh"
#include "core/kernels/numbers.cuh"

namespace di::core {
namespace {

constexpr int kWarp = 32;
constexpr int kWarps = kThreads / kWarp;

__device__ __forceinline__ long long smaller(long long a, long long b) { return a < b ? a : b; }

struct Scale {
    float value;
    float factor;
    unsigned int exponent;
};

struct BlockStorage {
    unsigned int largest[kWarps];
};

struct ChannelStorage {
    unsigned int largest[kWarps][kWarp];
};

// Magnitudes compare like integers; NaN compares highest.
__device__ __forceinline__ Scale scale_of(const QuantizeParams& params, unsigned int largest) {
    constexpr unsigned int kSmallest = 0x38D1B717; // 1e-4
    const float max = params.format == Number::E4M3   ? 448.0f
                      : params.format == Number::E5M2 ? 57344.0f
                                                      : 6.0f;
    largest = largest > kSmallest ? largest : kSmallest;
    const float magnitude = float_of(largest);
    // The constant expression is rounded once, at compile time.
    const float reciprocal = params.format == Number::E4M3 ? 1.0f / 448.0f : 1.0f / 57344.0f;
    float scale = params.multiply_reciprocal ? magnitude * reciprocal : magnitude / max;
    // Adding all ones below the exponent carries into it unless the mantissa is zero.
    unsigned int exponent = ((bits_of(scale) & kMagnitudeMask) + 0x007FFFFF) >> 23;
    exponent = exponent < 1 ? 1 : exponent > 254 ? 254 : exponent;
    if (params.power_of_two) {
        scale = float_of(exponent << 23);
        return {scale, 1.0f / scale, exponent};
    }
    if (largest > kInfinity)
        scale = float_of(kQuietNaN);
    return {scale, params.multiply_reciprocal ? max / magnitude : 1.0f / scale, exponent};
}

__device__ __forceinline__ unsigned char encode(const QuantizeParams& params, float value) {
    return params.format == Number::E4M3 ? encode_e4m3(value, true) : encode_e5m2(value, true);
}

// Two codes of FP4, the even element in the low half.
__device__ __forceinline__ unsigned char encode_pair(const QuantizeParams& params, float even,
                                                     float odd) {
    const unsigned int low = params.half_down ? encode_e2m1_half_down(even) : encode_e2m1(even);
    const unsigned int high = params.half_down ? encode_e2m1_half_down(odd) : encode_e2m1(odd);
    return static_cast<unsigned char>(low | high << 4);
}

// The byte of a packed scale: four blocks along the quantised dimension share a word, the first one
// lowest.
__device__ __forceinline__ unsigned char*
packed_byte(const QuantizeParams& params, long long offset, long long row, long long tile) {
    auto* words = static_cast<unsigned int*>(params.scales) + offset;
    const long long along = params.packs_rows ? row : tile;
    words += (params.packs_rows ? row / 4 : row) * params.scales_row_stride +
             (params.packs_rows ? tile : tile / 4) * params.scales_col_stride;
    return reinterpret_cast<unsigned char*>(words) + along % 4;
}

__device__ __forceinline__ void store_scale(const QuantizeParams& params, long long offset,
                                            long long row, long long tile, Scale scale) {
    const long long place =
        offset + row * params.scales_row_stride + tile * params.scales_col_stride;
    switch (params.scale_form) {
    case ScaleForm::Float32:
        static_cast<float*>(params.scales)[place] = scale.value;
        return;
    case ScaleForm::E8M0:
        static_cast<unsigned char*>(params.scales)[place] =
            static_cast<unsigned char>(scale.exponent);
        return;
    default:
        *packed_byte(params, offset, row, tile) = static_cast<unsigned char>(scale.exponent);
        // Whoever writes the last scale of a row, or column, fills its word up with 2^0.
        if (params.packs_rows) {
            if (row == params.row_tiles - 1)
                for (long long next = row + 1; next % 4 != 0; next++)
                    *packed_byte(params, offset, next, tile) = 127;
        } else if (tile == params.column_tiles - 1) {
            for (long long next = tile + 1; next % 4 != 0; next++)
                *packed_byte(params, offset, row, next) = 127;
        }
    }
}

__device__ __forceinline__ float load_scale(const QuantizeParams& params, long long offset,
                                            long long row, long long tile) {
    const long long place =
        offset + row * params.scales_row_stride + tile * params.scales_col_stride;
    switch (params.scale_form) {
    case ScaleForm::Float32:
        return static_cast<const float*>(params.scales)[place];
    case ScaleForm::E8M0:
        return decode_e8m0(static_cast<const unsigned char*>(params.scales)[place]);
    default:
        return decode_e8m0(*packed_byte(params, offset, row, tile));
    }
}

// Row, column tile and batch of a block of elements.
struct TilePlace {
    long long row_tile, column_tile;
    long long offsets[3];
};

__device__ __forceinline__ TilePlace place_of(const QuantizeParams& params, long long tile) {
    TilePlace place;
    const long long row = tile / params.column_tiles;
    place.column_tile = tile - row * params.column_tiles;
    const long long matrix = row / params.row_tiles;
    place.row_tile = row - matrix * params.row_tiles;
    locate(params.batch, matrix, place.offsets);
    return place;
}

__device__ __forceinline__ unsigned int warp_max(unsigned int value) {
    for (int distance = kWarp / 2; distance > 0; distance /= 2) {
        const unsigned int other = __shfl_xor_sync(0xFFFFFFFFu, value, distance);
        value = value > other ? value : other;
    }
    return value;
}

__device__ __forceinline__ float load_value(const QuantizeParams& params, const TilePlace& place,
                                            long long row, long long column) {
    const long long index =
        place.offsets[0] + row * params.values_row_stride + column * params.values_col_stride;
    return params.values_type == Number::Float32
               ? static_cast<const float*>(params.values)[index]
               : decode_bfloat16(static_cast<const unsigned short*>(params.values)[index]);
}

} // namespace

extern "C" __global__ void
di_core_quantize_per_token(const __grid_constant__ QuantizeParams params) {
    const int lane = threadIdx.x % kWarp;
    const long long tiles = params.batch.elements * params.row_tiles * params.column_tiles;
    const long long step = static_cast<long long>(gridDim.x) * kWarps;
    // A warp works on one tile at a time, so that its lanes meet in every shuffle.
    for (long long tile = static_cast<long long>(blockIdx.x) * kWarps + threadIdx.x / kWarp;
         tile < tiles; tile += step) {
        const TilePlace place = place_of(params, tile);
        const long long begin = place.column_tile * params.granularity;
        const long long end = smaller(begin + params.granularity, params.columns);
        unsigned int largest = 0;
        for (long long column = begin + lane; column < end; column += kWarp) {
            const unsigned int magnitude =
                bits_of(load_value(params, place, place.row_tile, column)) & kMagnitudeMask;
            largest = largest > magnitude ? largest : magnitude;
        }
        const Scale scale = scale_of(params, warp_max(largest));
        unsigned char* data =
            params.data + place.offsets[1] + place.row_tile * params.data_row_stride;
        if (params.format == Number::E2M1)
            for (long long pair = begin / 2 + lane; pair < end / 2; pair += kWarp)
                data[pair] = encode_pair(
                    params, load_value(params, place, place.row_tile, 2 * pair) * scale.factor,
                    load_value(params, place, place.row_tile, 2 * pair + 1) * scale.factor);
        else
            for (long long column = begin + lane; column < end; column += kWarp)
                data[column] = encode(params, load_value(params, place, place.row_tile, column) *
                                                  scale.factor);
        if (lane == 0)
            store_scale(params, place.offsets[2], place.row_tile, place.column_tile, scale);
    }
}

extern "C" __global__ void
di_core_quantize_per_block(const __grid_constant__ QuantizeParams params) {
    auto& storage = dynamic_shared<BlockStorage>();
    const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
    const long long tiles = params.batch.elements * params.row_tiles * params.column_tiles;
    for (long long tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        const TilePlace place = place_of(params, tile);
        const long long row_begin = place.row_tile * params.granularity;
        const long long row_end = smaller(row_begin + params.granularity, params.rows);
        const long long begin = place.column_tile * params.granularity;
        const long long end = smaller(begin + params.granularity, params.columns);
        unsigned int largest = 0;
        for (long long row = row_begin + warp; row < row_end; row += kWarps)
            for (long long column = begin + lane; column < end; column += kWarp) {
                const unsigned int magnitude =
                    bits_of(load_value(params, place, row, column)) & kMagnitudeMask;
                largest = largest > magnitude ? largest : magnitude;
            }
        largest = warp_max(largest);
        if (lane == 0)
            storage.largest[warp] = largest;
        __syncthreads(); // every warp reads the maxima of all
        largest = warp_max(lane < kWarps ? storage.largest[lane] : 0);
        __syncthreads(); // the next block of elements overwrites them
        const Scale scale = scale_of(params, largest);
        for (long long row = row_begin + warp; row < row_end; row += kWarps) {
            unsigned char* data = params.data + place.offsets[1] + row * params.data_row_stride;
            for (long long column = begin + lane; column < end; column += kWarp)
                data[column] =
                    encode(params, load_value(params, place, row, column) * scale.factor);
        }
        if (threadIdx.x == 0)
            store_scale(params, place.offsets[2], place.row_tile, place.column_tile, scale);
    }
}

// A tile is one scale's rows and as many columns as a warp has lanes; column_tiles counts scales,
// of which a tile has one per lane.
extern "C" __global__ void
di_core_quantize_per_channel(const __grid_constant__ QuantizeParams params) {
    auto& storage = dynamic_shared<ChannelStorage>();
    const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
    const long long strips = (params.columns + kWarp - 1) / kWarp;
    const long long tiles = params.batch.elements * params.row_tiles * strips;
    for (long long tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        TilePlace place;
        const long long line = tile / strips;
        const long long matrix = line / params.row_tiles;
        const long long column = (tile - line * strips) * kWarp + lane;
        place.row_tile = line - matrix * params.row_tiles;
        locate(params.batch, matrix, place.offsets);
        const bool is_inside = column < params.columns;
        const long long begin = place.row_tile * params.granularity;
        const long long end = smaller(begin + params.granularity, params.rows);
        unsigned int largest = 0;
        for (long long row = begin + warp; is_inside && row < end; row += kWarps) {
            const unsigned int magnitude =
                bits_of(load_value(params, place, row, column)) & kMagnitudeMask;
            largest = largest > magnitude ? largest : magnitude;
        }
        storage.largest[warp][lane] = largest;
        __syncthreads(); // every warp reads the maxima of all
        for (int other = 0; other < kWarps; other++) {
            const unsigned int magnitude = storage.largest[other][lane];
            largest = largest > magnitude ? largest : magnitude;
        }
        __syncthreads(); // the next tile overwrites them
        if (!is_inside)
            continue;
        const Scale scale = scale_of(params, largest);
        unsigned char* data = params.data + place.offsets[1] + column;
        for (long long row = begin + warp; row < end; row += kWarps)
            data[row * params.data_row_stride] =
                encode(params, load_value(params, place, row, column) * scale.factor);
        if (warp == 0)
            store_scale(params, place.offsets[2], place.row_tile, column, scale);
    }
}

extern "C" __global__ void di_core_dequantize(const __grid_constant__ QuantizeParams params) {
    const long long elements = params.batch.elements * params.rows * params.columns;
    auto* values = const_cast<void*>(params.values);
    for (long long i = first_index(); i < elements; i += index_step()) {
        const long long line = i / params.columns;
        const long long column = i - line * params.columns;
        const long long matrix = line / params.rows;
        const long long row = line - matrix * params.rows;
        long long offsets[3];
        locate(params.batch, matrix, offsets);
        const unsigned char* data = params.data + offsets[1] + row * params.data_row_stride;
        const float value = params.format == Number::E4M3 ? decode_e4m3(data[column])
                            : params.format == Number::E5M2
                                ? decode_e5m2(data[column])
                                : decode_e2m1(data[column / 2] >> (column % 2 * 4));
        const float scale = load_scale(params, offsets[2], row / params.rows_per_scale,
                                       column / params.columns_per_scale);
        const long long index =
            offsets[0] + row * params.values_row_stride + column * params.values_col_stride;
        store_number(values, params.values_type, index, value * scale, true);
    }
}

} // namespace di::core
