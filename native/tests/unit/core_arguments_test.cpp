// SPDX-License-Identifier: MIT
// What the operations refuse before any work, and that empty tensors are no work. No device is
// needed.
#include <string>

#include <gtest/gtest.h>

#include "deepinfra/core.h"

namespace {

alignas(256) char memory[3][4096];

constexpr di_dtype kFloat32{DI_DTYPE_FLOAT, 32, 1};
constexpr di_dtype kBFloat16{DI_DTYPE_BFLOAT, 16, 1};
constexpr di_dtype kE4M3{DI_DTYPE_F8_E4M3FN, 8, 1};
constexpr di_dtype kInt32{DI_DTYPE_INT, 32, 1};

// A compact matrix in one of three blocks of memory.
struct Matrix {
    int64_t shape[2];
    di_tensor tensor;

    Matrix(int slot, di_dtype dtype, int64_t rows, int64_t columns)
        : shape{rows, columns},
          tensor{memory[slot], {DI_DEVICE_CUDA, 0}, 2, dtype, shape, nullptr, 0} {}
    const di_tensor* get() const { return &tensor; }
};

std::string message() {
    di_error_info info{};
    info.struct_size = sizeof info;
    EXPECT_EQ(di_core_last_error(&info), DI_STATUS_OK);
    return info.message;
}

#define EXPECT_REFUSED(call, text)                                                                 \
    do {                                                                                           \
        EXPECT_EQ(call, DI_STATUS_INVALID_ARGUMENT);                                               \
        EXPECT_NE(message().find(text), std::string::npos) << message();                           \
    } while (false)

constexpr di_core_fill_params kFill{sizeof(di_core_fill_params), 0, 0};
constexpr di_core_cast_params kCast{sizeof(di_core_cast_params), DI_OVERFLOW_SATURATE_FINITE};
constexpr di_core_quantize_params kPerToken{
    sizeof(di_core_quantize_params), DI_SCALE_PER_TOKEN, 128, DI_SCALE_DIVIDE, 0, 0};

TEST(Fill, Refuses_bad_arguments) {
    Matrix x(0, kE4M3, 2, 2);
    di_core_fill_params wide = kFill;
    wide.bits = 256;

    EXPECT_REFUSED(di_core_fill(nullptr, &kFill, nullptr), "destination is null");
    EXPECT_REFUSED(di_core_fill(x.get(), nullptr, nullptr), "params is null");
    EXPECT_REFUSED(di_core_fill(x.get(), &wide, nullptr), "do not fit an element of 1 bytes");
    x.tensor.dtype = {DI_DTYPE_COMPLEX, 128, 1};
    EXPECT_REFUSED(di_core_fill(x.get(), &kFill, nullptr), "1, 2, 4 or 8 bytes, got 16");
}

TEST(Copy, Refuses_bad_arguments) {
    Matrix x(0, kFloat32, 2, 2), y(1, kFloat32, 2, 3), z(1, kInt32, 2, 2);

    EXPECT_REFUSED(di_core_copy(x.get(), y.get(), nullptr), "destination: expected shape [2,2]");
    EXPECT_REFUSED(di_core_copy(x.get(), z.get(), nullptr),
                   "expected float32 of source, got int32");
    EXPECT_REFUSED(di_core_copy(x.get(), x.get(), nullptr), "destination overlaps source");
}

TEST(Cast, Refuses_bad_arguments) {
    Matrix x(0, kFloat32, 2, 2), y(1, kBFloat16, 2, 2), z(1, kInt32, 2, 2);
    di_core_cast_params wrong = kCast;
    wrong.overflow = 2;

    EXPECT_REFUSED(di_core_cast(x.get(), z.get(), &kCast, nullptr),
                   "destination: expected float32");
    EXPECT_REFUSED(di_core_cast(x.get(), y.get(), &wrong, nullptr), "overflow 2");
    y.tensor.device.id = 1;
    EXPECT_REFUSED(di_core_cast(x.get(), y.get(), &kCast, nullptr),
                   "expected device 0 of source, got 1");
}

TEST(Compare, Refuses_bad_arguments) {
    Matrix x(0, kFloat32, 2, 2), y(1, kBFloat16, 2, 2);
    auto* result = reinterpret_cast<di_core_compare_result*>(memory[2]);
    auto* misaligned = reinterpret_cast<di_core_compare_result*>(memory[2] + 4);
    di_core_compare_params exact{sizeof(di_core_compare_params), 0, 0, 0};
    di_core_compare_params negative = exact;
    negative.absolute = -1;

    EXPECT_REFUSED(di_core_compare(x.get(), y.get(), &negative, result, nullptr),
                   "negative or NaN");
    EXPECT_REFUSED(di_core_compare(x.get(), y.get(), &exact, nullptr, nullptr), "result is null");
    EXPECT_REFUSED(di_core_compare(x.get(), y.get(), &exact, misaligned, nullptr),
                   "aligned to 8 bytes");
}

TEST(Quantize, Refuses_bad_parameters) {
    Matrix x(0, kFloat32, 4, 256), data(1, kE4M3, 4, 256), scales(2, kFloat32, 4, 2);
    auto run = [&](const di_core_quantize_params& params) {
        return di_core_quantize(x.get(), data.get(), scales.get(), &params, nullptr);
    };
    di_core_quantize_params params = kPerToken;
    params.granularity = 100;
    EXPECT_REFUSED(run(params), "a power of two from 16 to 256, got 100");
    params = kPerToken;
    params.blocks = 3;
    EXPECT_REFUSED(run(params), "blocks 3");
    params.blocks = DI_SCALE_PER_CHANNEL;
    EXPECT_REFUSED(run(params), "source: expected rows that are a multiple of 128, got [4,256]");
    params = kPerToken;
    params.fp4_rounding = 2;
    EXPECT_REFUSED(run(params), "fp4_rounding 2");
    params = kPerToken;
    params.rule = -1;
    EXPECT_REFUSED(run(params), "rule -1");
    params = kPerToken;
    params.power_of_two = 2;
    EXPECT_REFUSED(run(params), "power_of_two");
}

TEST(Quantize, Refuses_bad_tensors) {
    Matrix x(0, kFloat32, 4, 256), data(1, kE4M3, 4, 256), scales(2, kFloat32, 4, 2);
    auto run = [&] {
        return di_core_quantize(x.get(), data.get(), scales.get(), &kPerToken, nullptr);
    };

    scales.shape[1] = 3;
    EXPECT_REFUSED(run(), "scales: expected shape [4,2], got [4,3]");
    scales.shape[1] = 2;
    scales.tensor.dtype = kInt32;
    EXPECT_REFUSED(run(), "scales: expected shape [4,1], got [4,2]");
    scales.tensor.dtype = kBFloat16;
    EXPECT_REFUSED(run(), "scales: expected float32, e8m0 or int32");
    scales.tensor.dtype = kFloat32;
    data.tensor.dtype = kInt32;
    EXPECT_REFUSED(run(), "data: expected e4m3, e5m2 or uint8 (two FP4 codes), got int32");
    data.tensor.dtype = kE4M3;
    int64_t columns_first[]{1, 4};
    data.tensor.strides = columns_first;
    EXPECT_REFUSED(run(), "data: expected innermost stride 1, got 4");
    data.tensor.strides = nullptr;
    x.tensor.ndim = 1;
    EXPECT_REFUSED(run(), "source: expected at least 2 dimensions");
}

TEST(Dequantize, Refuses_an_output_on_its_input) {
    Matrix values(1, kBFloat16, 4, 256), data(1, kE4M3, 4, 256), scales(2, kFloat32, 4, 2);

    EXPECT_REFUSED(di_core_dequantize(data.get(), scales.get(), values.get(), &kPerToken, nullptr),
                   "destination overlaps data");
}

TEST(EmptyTensors, Are_no_work_and_need_no_driver) {
    Matrix x(0, kFloat32, 0, 256), y(1, kBFloat16, 0, 256), data(1, kE4M3, 0, 256),
        scales(2, kFloat32, 0, 2);

    EXPECT_EQ(di_core_fill(x.get(), &kFill, nullptr), DI_STATUS_OK);
    EXPECT_EQ(di_core_copy(x.get(), x.get(), nullptr), DI_STATUS_OK);
    EXPECT_EQ(di_core_cast(x.get(), y.get(), &kCast, nullptr), DI_STATUS_OK);
    EXPECT_EQ(di_core_quantize(x.get(), data.get(), scales.get(), &kPerToken, nullptr),
              DI_STATUS_OK);
    EXPECT_EQ(di_core_dequantize(data.get(), scales.get(), x.get(), &kPerToken, nullptr),
              DI_STATUS_OK);
}

} // namespace
