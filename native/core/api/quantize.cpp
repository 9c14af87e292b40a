// SPDX-License-Identifier: MIT
// di_core_quantize and di_core_dequantize.
#include "common/host/params.h"
#include "core/api/images.h"
#include "core/api/layouts.h"
#include "deepinfra/core.h"

namespace di::core {
namespace {

Kernel<QuantizeParams> per_token{images::quantize, "di_core_quantize_per_token"};
Kernel<QuantizeParams> per_block{images::quantize, "di_core_quantize_per_block"};
Kernel<QuantizeParams> per_channel{images::quantize, "di_core_quantize_per_channel"};
Kernel<QuantizeParams> dequantize{images::quantize, "di_core_dequantize"};

constexpr int64_t kWarp = 32;
constexpr int64_t kWarpsPerBlock = kThreads / kWarp;
constexpr int32_t kSmallestGranularity = 16;
constexpr int32_t kLargestGranularity = 256;

[[noreturn]] void reject(std::string message) {
    throw Error(DI_STATUS_INVALID_ARGUMENT, std::move(message));
}

int64_t ceiling_divide(int64_t value, int64_t divisor) { return (value + divisor - 1) / divisor; }

ScaleForm form_of(const TensorView& scales) {
    if (scales.is(DI_DTYPE_FLOAT, 32))
        return ScaleForm::Float32;
    if (scales.is(DI_DTYPE_F8_E8M0FNU, 8))
        return ScaleForm::E8M0;
    if (scales.is(DI_DTYPE_INT, 32))
        return ScaleForm::PackedE8M0;
    reject(
        join("scales: expected float32, e8m0 or int32 (packed), got ", dtype_text(scales.dtype)));
}

void check_block(const di_core_quantize_params& given) {
    const int32_t g = given.granularity;
    if (given.blocks < DI_SCALE_PER_TOKEN || given.blocks > DI_SCALE_PER_CHANNEL)
        reject(join("params: blocks ", given.blocks, " is not a di_scale_blocks"));
    if (g < kSmallestGranularity || g > kLargestGranularity || (g & (g - 1)) != 0)
        reject(join("params: granularity: expected a power of two from ", kSmallestGranularity,
                    " to ", kLargestGranularity, ", got ", g));
    if (given.rule != DI_SCALE_DIVIDE && given.rule != DI_SCALE_MULTIPLY_RECIPROCAL)
        reject(join("params: rule ", given.rule, " is not a di_scale_rule"));
    if (given.power_of_two > 1)
        reject(join("params: power_of_two: expected 0 or 1, got ", given.power_of_two));
    if (given.fp4_rounding > DI_FP4_HALF_DOWN)
        reject(join("params: fp4_rounding ", given.fp4_rounding, " is not a di_fp4_rounding"));
}

void check_scale_shape(const TensorView& scales, const TensorView& values,
                       const QuantizeParams& params) {
    TensorView expected = values;
    expected.shape[values.rank - 2] = params.row_tiles;
    expected.shape[values.rank - 1] = params.column_tiles;
    if (params.scale_form == ScaleForm::PackedE8M0) {
        int64_t& packed = expected.shape[values.rank - (params.packs_rows ? 2 : 1)];
        packed = ceiling_divide(packed, 4);
    }
    bool is_equal = scales.rank == values.rank;
    for (int32_t i = 0; is_equal && i < scales.rank; i++)
        is_equal = scales.shape[i] == expected.shape[i];
    if (!is_equal)
        reject(join("scales: expected shape ", shape_text(expected), ", got ", shape_text(scales)));
}

// FP4: two codes per byte, one scale per row and granularity columns, and no choice of formula.
void check_fp4(const TensorView& data, const TensorView& values,
               const di_core_quantize_params& given) {
    if (given.blocks != DI_SCALE_PER_TOKEN || given.rule != DI_SCALE_DIVIDE)
        reject(
            "data: expected e4m3 or e5m2 unless scales are per token and by division, got uint8");
    TensorView expected = values;
    if (values.extent_from_end(1) % 2 != 0)
        reject(
            join(values.name, ": expected an even last extent for FP4, got ", shape_text(values)));
    expected.shape[values.rank - 1] /= 2;
    bool is_equal = data.rank == values.rank;
    for (int32_t i = 0; is_equal && i < data.rank; i++)
        is_equal = data.shape[i] == expected.shape[i];
    if (!is_equal)
        reject(join("data: expected shape ", shape_text(expected), ", got ", shape_text(data)));
}

// Checks all that both directions have in common.
QuantizeParams prepare(const TensorView& values, const TensorView& data, const TensorView& scales,
                       const di_core_quantize_params& given) {
    check_block(given);
    if (!values.is(DI_DTYPE_FLOAT, 32) && !values.is(DI_DTYPE_BFLOAT, 16))
        reject(join(values.name, ": expected float32 or bfloat16, got ", dtype_text(values.dtype)));
    const bool is_fp4 = data.is(DI_DTYPE_UINT, 8);
    if (!is_fp4 && !data.is(DI_DTYPE_F8_E4M3FN, 8) && !data.is(DI_DTYPE_F8_E5M2, 8))
        reject(join("data: expected e4m3, e5m2 or uint8 (two FP4 codes), got ",
                    dtype_text(data.dtype)));
    if (values.rank < 2)
        reject(join(values.name, ": expected at least 2 dimensions, got ", shape_text(values)));
    if (is_fp4)
        check_fp4(data, values, given);
    else
        check_same_shape(data, values);
    const bool is_channel = given.blocks == DI_SCALE_PER_CHANNEL;
    if (is_channel && values.extent_from_end(2) % given.granularity != 0)
        reject(join(values.name, ": expected rows that are a multiple of ", given.granularity,
                    ", got ", shape_text(values)));
    check_same_device(data, values);
    check_same_device(scales, values);
    if (data.extent_from_end(1) > 1 && data.stride_from_end(1) != 1)
        reject(join("data: expected innermost stride 1, got ", data.stride_from_end(1)));

    QuantizeParams params{};
    params.values = values.data;
    params.data = static_cast<unsigned char*>(data.data);
    params.scales = scales.data;
    params.values_type = number_of(values);
    params.format = is_fp4 ? Number::E2M1 : number_of(data);
    params.half_down = given.fp4_rounding == DI_FP4_HALF_DOWN;
    params.scale_form = form_of(scales);
    params.granularity = given.granularity;
    params.multiply_reciprocal = given.rule == DI_SCALE_MULTIPLY_RECIPROCAL;
    params.power_of_two = given.power_of_two != 0 || params.scale_form != ScaleForm::Float32;
    params.rows = values.extent_from_end(2);
    params.columns = values.extent_from_end(1);
    params.rows_per_scale = given.blocks == DI_SCALE_PER_TOKEN ? 1 : given.granularity;
    params.columns_per_scale = is_channel ? 1 : given.granularity;
    params.packs_rows = is_channel;
    params.row_tiles = ceiling_divide(params.rows, params.rows_per_scale);
    params.column_tiles = ceiling_divide(params.columns, params.columns_per_scale);
    check_scale_shape(scales, values, params);
    params.values_row_stride = values.stride_from_end(2);
    params.values_col_stride = values.stride_from_end(1);
    params.data_row_stride = data.stride_from_end(2);
    params.scales_row_stride = scales.stride_from_end(2);
    params.scales_col_stride = scales.stride_from_end(1);
    LayoutBuilder<3> batch;
    for (int32_t i = 0; i < values.rank - 2; i++)
        batch.add(values.shape[i], {values.strides[i], data.strides[i], scales.strides[i]});
    batch.merge();
    params.batch = batch.layout;
    return params;
}

} // namespace
} // namespace di::core

using namespace di;

di_status di_core_quantize(const di_tensor* source, const di_tensor* data, const di_tensor* scales,
                           const di_core_quantize_params* params, di_stream stream) {
    return guarded([&] {
        const TensorView values = read_tensor(source, "source");
        const TensorView codes = read_output(data, "data");
        const TensorView factors = read_output(scales, "scales");
        const di_core_quantize_params given = read_params(params, "params");
        const core::QuantizeParams kernel_params = core::prepare(values, codes, factors, given);
        check_no_overlap(codes, values);
        check_no_overlap(factors, values);
        check_no_overlap(factors, codes);
        if (values.is_empty())
            return;
        const int64_t lines = kernel_params.batch.elements * kernel_params.row_tiles;
        if (given.blocks == DI_SCALE_PER_TOKEN)
            core::per_token(
                core::grid_for(lines * kernel_params.column_tiles, core::kWarpsPerBlock),
                kernel_params, stream);
        else if (given.blocks == DI_SCALE_PER_BLOCK)
            core::per_block(core::grid_for(lines * kernel_params.column_tiles, 1,
                                           core::kWarpsPerBlock * sizeof(uint32_t)),
                            kernel_params, stream);
        else
            core::per_channel(
                core::grid_for(lines * core::ceiling_divide(kernel_params.columns, core::kWarp), 1,
                               core::kThreads * sizeof(uint32_t)),
                kernel_params, stream);
    });
}

di_status di_core_dequantize(const di_tensor* data, const di_tensor* scales,
                             const di_tensor* destination, const di_core_quantize_params* params,
                             di_stream stream) {
    return guarded([&] {
        const TensorView codes = read_tensor(data, "data");
        const TensorView factors = read_tensor(scales, "scales");
        const TensorView values = read_output(destination, "destination");
        const di_core_quantize_params given = read_params(params, "params");
        core::QuantizeParams kernel_params = core::prepare(values, codes, factors, given);
        check_no_overlap(values, codes);
        check_no_overlap(values, factors);
        if (!values.is_empty())
            core::dequantize(core::grid_for(values.elements, 4 * core::kThreads), kernel_params,
                             stream);
    });
}
