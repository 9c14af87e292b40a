// SPDX-License-Identifier: MIT
// The handshake of the attention library, what decode refuses before any work, and that an empty
// batch is no work. No device is needed.
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "deepinfra/flashmla.h"

namespace {

constexpr di_dtype kBFloat16{DI_DTYPE_BFLOAT, 16, 1};
constexpr di_dtype kFloat32{DI_DTYPE_FLOAT, 32, 1};
constexpr di_dtype kInt32{DI_DTYPE_INT, 32, 1};
constexpr di_dtype kUInt8{DI_DTYPE_UINT, 8, 1};

std::string message() {
    di_error_info info{};
    info.struct_size = sizeof info;
    EXPECT_EQ(di_flashmla_last_error(&info), DI_STATUS_OK);
    return info.message;
}

// A compact tensor at an address of its own; nothing is ever read there.
struct Operand {
    std::vector<int64_t> shape;
    std::vector<int64_t> strides;
    di_tensor tensor;

    Operand(uintptr_t address, di_dtype dtype, std::vector<int64_t> extents)
        : shape(std::move(extents)), strides(shape.size()) {
        int64_t stride = 1;
        for (size_t i = shape.size(); i-- > 0;) {
            strides[i] = stride;
            stride *= shape[i];
        }
        tensor = {reinterpret_cast<void*>(address),
                  {DI_DEVICE_CUDA, 0},
                  static_cast<int32_t>(shape.size()),
                  dtype,
                  shape.data(),
                  strides.data(),
                  0};
    }
    Operand(const Operand&) = delete;
};

// Arguments of a decode call that are right but for what a test changes: two requests of one query
// token, four heads, pages of 64.
struct Call {
    explicit Call(int64_t batch = 2) {
        add("q", kBFloat16, {batch, 1, 4, 576});
        add("cache", kBFloat16, {8, 64, 1, 576});
        add("block_table", kInt32, {batch, 3});
        add("lengths", kInt32, {batch});
        add("parts", kInt32, {5, 8});
        add("split_offsets", kInt32, {batch + 1});
        add("split_bases", kInt32, {batch});
        add("out_accumulator", kFloat32, {6, 1, 4, 512});
        add("lse_accumulator", kFloat32, {6, 1, 4});
        add("out", kBFloat16, {batch, 1, 4, 512});
        add("lse", kFloat32, {batch, 4, 1});
    }

    void add(const std::string& name, di_dtype dtype, std::vector<int64_t> shape) {
        operands.erase(name);
        operands.try_emplace(name, next_ << 30, dtype, std::move(shape));
        next_++;
    }

    di_tensor& operator[](const std::string& name) { return operands.at(name).tensor; }

    di_status run() {
        const auto at = [&](const char* name) { return &operands.at(name).tensor; };
        return di_flashmla_decode(at("q"), at("cache"), at("block_table"), at("lengths"),
                                  at("parts"), at("split_offsets"), at("split_bases"),
                                  at("out_accumulator"), at("lse_accumulator"), at("out"),
                                  at("lse"), &params, nullptr);
    }

    std::map<std::string, Operand> operands;
    di_flashmla_decode_params params{
        sizeof(di_flashmla_decode_params), DI_FLASHMLA_CACHE_BFLOAT16, 0.04f, 0, 0, 0};

  private:
    uintptr_t next_ = 1;
};

void expect_refused(const std::function<void(Call&)>& change, const char* text) {
    Call call;
    change(call);
    EXPECT_EQ(call.run(), DI_STATUS_INVALID_ARGUMENT) << text;
    EXPECT_NE(message().find(text), std::string::npos) << message();
}

TEST(FlashMlaAbi, Version_is_the_one_of_the_header) {
    EXPECT_EQ(di_flashmla_abi_version(), DI_FLASHMLA_ABI_VERSION);
}

TEST(FlashMlaAbi, Build_info_is_an_object) {
    const std::string info = di_flashmla_build_info();

    EXPECT_EQ(info.front(), '{');
    EXPECT_NE(info.find("\"architectures\":["), std::string::npos);
}

TEST(FlashMlaAbi, Layout_lists_every_type_once_per_field) {
    int32_t count = 0;
    const di_abi_field* fields = di_flashmla_abi_layout(&count);

    std::set<std::string> names;
    for (int32_t i = 0; i < count; i++)
        EXPECT_TRUE(
            names.insert(std::string(fields[i].type_name) + "." + fields[i].field_name).second);
    EXPECT_TRUE(names.contains("di_flashmla_decode_params.empty_lse_negative"));
}

TEST(FlashMlaDecode, Refuses_bad_parameters) {
    expect_refused([](Call& c) { c.params.struct_size = 8; }, "struct_size");
    expect_refused([](Call& c) { c.params.cache_format = 3; }, "cache_format 3");
    expect_refused([](Call& c) { c.params.softmax_scale = NAN; }, "softmax_scale is not finite");
    expect_refused([](Call& c) { c.params.causal = 2; }, "expected 0 or 1 in causal");
}

TEST(FlashMlaDecode, Refuses_wrong_types_and_shapes) {
    expect_refused([](Call& c) { c["q"].dtype = kUInt8; }, "q: expected bfloat16, got uint8");
    expect_refused([](Call& c) { c.add("q", kBFloat16, {2, 1, 4, 320}); }, "576 or 512");
    expect_refused(
        [](Call& c) {
            c.add("cache", kBFloat16, {8, 64, 1, 512});
        },
        "cache: expected extent 576 of dimension 3");
    expect_refused(
        [](Call& c) {
            c.add("cache", kBFloat16, {8, 64, 3, 576});
        },
        "q: expected heads in multiples of the cache's 3");
    expect_refused(
        [](Call& c) {
            c.add("block_table", kInt32, {3, 3});
        },
        "block_table: expected extent 2 of dimension 0");
    expect_refused([](Call& c) { c["lengths"].dtype = kFloat32; }, "lengths: expected int32");
    expect_refused(
        [](Call& c) {
            c.add("parts", kInt32, {5, 7});
        },
        "parts: expected extent 8 of dimension 1");
    expect_refused([](Call& c) { c.add("parts", kInt32, {0, 8}); }, "parts: expected at least one");
    expect_refused([](Call& c) { c.add("split_offsets", kInt32, {2}); },
                   "split_offsets: expected extent 3");
    expect_refused(
        [](Call& c) {
            c.add("lse_accumulator", kFloat32, {5, 1, 4});
        },
        "lse_accumulator: expected extent 6");
    expect_refused([](Call& c) { c["out"].dtype = kInt32; }, "out: expected bfloat16 or float32");
    expect_refused([](Call& c) { c.add("lse", kFloat32, {2, 1, 4}); }, "lse: expected extent 4");
}

TEST(FlashMlaDecode, Refuses_misplaced_memory) {
    expect_refused([](Call& c) { c["q"].byte_offset = 8; }, "q: expected an address and strides");
    expect_refused([](Call& c) { c.operands.at("cache").strides[1] = 580; },
                   "cache: expected an address and strides of multiples of 16");
    expect_refused([](Call& c) { c.operands.at("out").strides[0] = 2049; },
                   "out: expected an address and strides of multiples of 4");
    expect_refused([](Call& c) { c["out"].data = c["q"].data; }, "out overlaps q");
    expect_refused([](Call& c) { c["lengths"].device.id = 1; }, "expected device 0 of q, got 1");
    expect_refused([](Call& c) { c["lse"].device = {DI_DEVICE_CPU, 0}; }, "expected device memory");
}

TEST(FlashMlaDecode, Refuses_rows_of_another_format) {
    const auto quantize = [](Call& c, int32_t format, int64_t bytes) {
        c.params.cache_format = format;
        c.add("cache", kUInt8, {8, 64, 1, bytes});
    };
    expect_refused([&](Call& c) { quantize(c, DI_FLASHMLA_CACHE_FP8_V32, 584); },
                   "cache: expected extent 656 of dimension 3");
    expect_refused([&](Call& c) { quantize(c, DI_FLASHMLA_CACHE_FP8_MODEL1, 584); },
                   "cache: this format has rows of 512, got 576");
}

TEST(FlashMlaAppend, Refuses_bad_arguments) {
    const auto run = [](const std::function<void(Call&, di_flashmla_append_params&)>& change) {
        Call call;
        di_flashmla_append_params params{sizeof(di_flashmla_append_params),
                                         DI_FLASHMLA_CACHE_FP8_V32, 1, 0};
        call.add("slots", kInt32, {3});
        call.add("latent", kBFloat16, {3, 1, 512});
        call.add("rotary", kBFloat16, {3, 1, 64});
        call.add("cache", kUInt8, {8, 64, 1, 656});
        change(call, params);
        EXPECT_EQ(di_flashmla_append(&call["slots"], &call["latent"], &call["rotary"],
                                     &call["cache"], &params, nullptr),
                  DI_STATUS_INVALID_ARGUMENT);
        return message();
    };
    using Params = di_flashmla_append_params;
    EXPECT_NE(run([](Call&, Params& p) { p.reserved = 1; }).find("reserved"), std::string::npos);
    EXPECT_NE(
        run([](Call& c, Params&) { c["slots"].dtype = kFloat32; }).find("slots: expected int32"),
        std::string::npos);
    EXPECT_NE(run([](Call& c, Params&) {
                  c.add("latent", kBFloat16, {3, 1, 448});
                  c.add("rotary", kBFloat16, {3, 1, 128});
              }).find("latent: expected extent 512"),
              std::string::npos);
    EXPECT_NE(run([](Call& c, Params&) {
                  c["rotary"].dtype = kFloat32;
              }).find("rotary: expected bfloat16, got float32"),
              std::string::npos);
    EXPECT_NE(run([](Call& c, Params&) {
                  c["latent"].data = c["cache"].data;
              }).find("cache overlaps latent"),
              std::string::npos);
    EXPECT_NE(run([](Call& c, Params& p) {
                  p.cache_format = DI_FLASHMLA_CACHE_FP8_MODEL1;
                  p.power_of_two = 0;
                  c.add("cache", kUInt8, {8, 64, 1, 584});
              }).find("no other scales"),
              std::string::npos);
}

TEST(FlashMlaDecode, Empty_batch_is_no_work_and_needs_no_driver) {
    Call call(0);

    EXPECT_EQ(call.run(), DI_STATUS_OK);
}

} // namespace
