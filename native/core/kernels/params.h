// SPDX-License-Identifier: MIT
// Parameter blocks of the utility kernels, one per kernel family; read by host and device code
// alike.
#pragma once

namespace di::core {

constexpr int kMaxRank = 8;
constexpr int kThreads = 256;

// Sixteen bytes that move at once.
struct alignas(16) Bytes16 {
    unsigned int words[4];
};

// Types of numbers that pass through float32.
enum class Number : int { Float32, Float16, BFloat16, E4M3, E5M2, E2M1 };

// Forms of scale factors.
enum class ScaleForm : int { Float32, E8M0, PackedE8M0 };

// Row-major indices of a shape and where they lie in Count tensors, in elements.
template <int Count> struct Layout {
    long long elements;
    int rank;
    long long shape[kMaxRank];
    long long strides[Count][kMaxRank];
};

struct FillParams {
    void* destination;
    unsigned long long bits;
    Layout<1> layout;
};

struct CopyParams {
    const void* source;
    void* destination;
    Layout<2> layout; // source, destination
};

// A matrix that is contiguous along rows in the source and along columns in the destination, times
// a batch.
struct TransposeParams {
    const void* source;
    void* destination;
    long long rows;                   // contiguous in the destination
    long long columns;                // contiguous in the source
    long long source_row_stride;      // between rows
    long long destination_col_stride; // between columns
    Layout<2> batch;                  // source, destination
};

struct CastParams {
    const void* source;
    void* destination;
    Number from;
    Number to;
    bool saturate;
    Layout<2> layout; // source, destination
};

struct QuantizeParams {
    const void* values; // float32 or bfloat16
    unsigned char* data;
    void* scales;
    Number values_type;
    Number format;
    ScaleForm scale_form;
    int granularity;
    bool multiply_reciprocal;
    bool power_of_two;
    bool half_down; // ties of E2M1 go towards zero
    long long rows;
    long long columns;
    long long row_tiles;      // scales along rows
    long long column_tiles;   // scales along columns
    long long rows_per_scale; // elements along rows that share a scale
    long long columns_per_scale;
    bool packs_rows; // packed scales share words along rows, not along columns
    long long values_row_stride, values_col_stride;
    long long data_row_stride;
    long long scales_row_stride, scales_col_stride;
    Layout<3> batch; // values, data, scales
};

struct CompareParams {
    const void* actual;
    const void* expected;
    unsigned long long* different;
    unsigned long long* first;
    unsigned int* largest_bits;
    unsigned int* unordered;
    Number actual_type;
    Number expected_type;
    float absolute;
    float relative;
    Layout<2> layout; // actual, expected
};

} // namespace di::core
