// SPDX-License-Identifier: MIT
#include "common/host/tensor.h"

#include <string>

#include <gtest/gtest.h>

namespace di {
namespace {

alignas(16) char memory[64];

struct Case {
    di_tensor tensor{memory, {DI_DEVICE_CUDA, 0}, 2, {DI_DTYPE_FLOAT, 32, 1}, shape, strides, 0};
    int64_t shape[DI_MAX_RANK]{2, 3};
    int64_t strides[DI_MAX_RANK]{3, 1};
};

// The message of the refusal, empty if the tensor is accepted.
std::string refusal(const di_tensor* tensor, bool is_output = false) {
    try {
        is_output ? read_output(tensor, "x") : read_tensor(tensor, "x");
        return "";
    } catch (const Error& error) {
        EXPECT_EQ(error.status, DI_STATUS_INVALID_ARGUMENT);
        return error.message;
    }
}

TEST(ReadTensor, A_well_formed_tensor_is_read) {
    Case c;
    c.tensor.byte_offset = 8;

    const TensorView view = read_tensor(&c.tensor, "x");

    EXPECT_EQ(view.data, memory + 8);
    EXPECT_EQ(view.elements, 6);
    EXPECT_EQ(view.extent_from_end(1), 3);
    EXPECT_EQ(view.stride_from_end(2), 3);
    EXPECT_EQ(shape_text(view), "[2,3]");
    EXPECT_EQ(dtype_text(view.dtype), "float32");
}

TEST(ReadTensor, Null_strides_mean_compact_row_major) {
    Case c;
    c.tensor.strides = nullptr;

    const TensorView view = read_tensor(&c.tensor, "x");

    EXPECT_EQ(view.strides[0], 3);
    EXPECT_EQ(view.strides[1], 1);
}

TEST(ReadTensor, An_empty_tensor_needs_no_memory) {
    Case c;
    c.shape[0] = 0;
    c.tensor.data = nullptr;

    EXPECT_EQ(refusal(&c.tensor, true), "");
}

TEST(ReadTensor, Malformed_tensors_are_refused_with_what_is_wrong) {
    EXPECT_EQ(refusal(nullptr), "x is null");
    {
        Case c;
        c.tensor.ndim = 9;
        EXPECT_NE(refusal(&c.tensor).find("0 to 8 dimensions, got 9"), std::string::npos);
    }
    {
        Case c;
        c.tensor.device.type = DI_DEVICE_CPU;
        EXPECT_NE(refusal(&c.tensor).find("device type 1"), std::string::npos);
    }
    {
        Case c;
        c.tensor.dtype.bits = 4;
        EXPECT_NE(refusal(&c.tensor).find("whole bytes"), std::string::npos);
    }
    {
        Case c;
        c.tensor.dtype.lanes = 2;
        EXPECT_NE(refusal(&c.tensor).find("one lane"), std::string::npos);
    }
    {
        Case c;
        c.shape[1] = -1;
        EXPECT_NE(refusal(&c.tensor).find("is negative"), std::string::npos);
    }
    {
        Case c;
        c.strides[0] = -3;
        EXPECT_NE(refusal(&c.tensor).find("stride -3"), std::string::npos);
    }
    {
        Case c;
        c.shape[0] = c.shape[1] = int64_t{1} << 40;
        EXPECT_NE(refusal(&c.tensor).find("2^63"), std::string::npos);
    }
    {
        Case c;
        c.strides[0] = INT64_MAX;
        EXPECT_NE(refusal(&c.tensor).find("address space"), std::string::npos);
    }
    {
        Case c;
        c.tensor.data = nullptr;
        EXPECT_NE(refusal(&c.tensor).find("data is null"), std::string::npos);
    }
    {
        Case c;
        c.tensor.byte_offset = 2;
        EXPECT_NE(refusal(&c.tensor).find("aligned to 4 bytes"), std::string::npos);
    }
    {
        Case c;
        c.tensor.shape = nullptr;
        EXPECT_EQ(refusal(&c.tensor), "x: shape is null");
    }
}

TEST(ReadOutput, Elements_that_share_memory_are_refused) {
    Case broadcast;
    broadcast.strides[0] = 0;
    Case interleaved;
    interleaved.strides[0] = 2;

    EXPECT_EQ(refusal(&broadcast.tensor), "");
    EXPECT_NE(refusal(&broadcast.tensor, true), "");
    EXPECT_NE(refusal(&interleaved.tensor, true), "");
}

TEST(ReadOutput, Padded_and_transposed_layouts_are_accepted) {
    Case padded;
    padded.strides[0] = 4;
    Case transposed;
    transposed.strides[0] = 1;
    transposed.strides[1] = 2;

    EXPECT_EQ(refusal(&padded.tensor, true), "");
    EXPECT_EQ(refusal(&transposed.tensor, true), "");
}

TEST(CheckNoOverlap, Neighbours_are_fine_and_shared_bytes_are_not) {
    Case a, b;
    b.tensor.byte_offset = 24; // right behind the six elements of a

    const TensorView first = read_tensor(&a.tensor, "a");
    EXPECT_NO_THROW(check_no_overlap(read_tensor(&b.tensor, "b"), first));
    b.tensor.byte_offset = 20;
    EXPECT_THROW(check_no_overlap(read_tensor(&b.tensor, "b"), first), Error);
}

TEST(CheckSame, Shapes_and_devices_must_agree) {
    Case a, b;
    b.shape[1] = 2;
    const TensorView first = read_tensor(&a.tensor, "a");
    EXPECT_THROW(check_same_shape(read_tensor(&b.tensor, "b"), first), Error);
    b.shape[1] = 3;
    b.tensor.device.id = 1;
    EXPECT_NO_THROW(check_same_shape(read_tensor(&b.tensor, "b"), first));
    EXPECT_THROW(check_same_device(read_tensor(&b.tensor, "b"), first), Error);
}

} // namespace
} // namespace di
