// SPDX-License-Identifier: MIT
#include "mla_problem.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>

#include "tests/reference/numbers.h"

extern "C" {
extern const di_sim_kernel_info di_sim_kernel_mla_bf16_d576, di_sim_kernel_mla_bf16_d576_2;
extern const di_sim_kernel_info di_sim_kernel_mla_bf16_d512, di_sim_kernel_mla_bf16_d512_2;
extern const di_sim_kernel_info di_sim_kernel_mla_fp8_v32, di_sim_kernel_mla_fp8_model1;
extern const di_sim_kernel_info di_sim_kernel_mla_combine;
}

namespace cudasim::test {
namespace {

using di::flashmla::KeyFormat;
using di::flashmla::MlaDecodeParams;
using di::flashmla::Part;

constexpr int kDimV = 512;
constexpr std::uint16_t kNaN = 0x7FC0;

std::size_t size(int value) { return static_cast<std::size_t>(value); }

std::size_t stored_bytes(const Case& shape) {
    return shape.format == KeyFormat::kFp8V32      ? 656
           : shape.format == KeyFormat::kFp8Model1 ? 584
                                                   : size(shape.dim) * 2;
}

int count_blocks(const Case& shape) {
    int blocks = 0;
    for (int length : shape.lengths)
        blocks += (length + shape.page - 1) / shape.page;
    return blocks;
}

std::size_t table_width(const Case& shape) {
    const int longest = *std::max_element(shape.lengths.begin(), shape.lengths.end());
    return size((longest + shape.page - 1) / shape.page + 3);
}

} // namespace

Problem::Problem(const Case& shape)
    : case_(shape), batch_(static_cast<int>(shape.lengths.size())), blocks_(count_blocks(shape)),
      width_(table_width(shape)), token_bytes_(stored_bytes(shape) * size(shape.kv_heads)),
      block_bytes_((token_bytes_ * size(shape.page) + 15) / 16 * 16 + 16),
      rng_(static_cast<std::uint64_t>(shape.tokens * 131 + shape.heads)),
      q_(size(batch_) * size(shape.tokens * shape.heads * shape.dim)),
      cache_(size(blocks_ + 2) * block_bytes_, 0xFF), table_(size(batch_) * width_, 2147480000),
      lengths_(size(batch_)), out_(size(batch_ * shape.tokens * shape.heads) * kDimV),
      out_float_(size(batch_ * shape.tokens * shape.heads) * kDimV),
      lse_(size(batch_ * shape.heads * shape.tokens)) {
    for (std::size_t i = 0; i < q_.size(); i++)
        q_[i] = reference::to_bfloat16((static_cast<float>(rng_.below(2001)) - 1000) / 2000);
    // Blocks are handed out from the last one down, so that their order is not that of the tokens.
    int next = blocks_;
    for (int b = 0; b < batch_; b++) {
        const int length = case_.lengths[size(b)];
        lengths_[size(b)] = length;
        first_key_.push_back(keys_.size());
        keys_.resize(keys_.size() + size(length) * size(case_.kv_heads * case_.dim));
        for (int key = 0; key < length; key++) {
            if (key % case_.page == 0)
                table_[size(b) * width_ + size(key / case_.page)] = next--;
            for (int h = 0; h < case_.kv_heads; h++)
                fill_key(b, key, h);
        }
    }
    make_schedule();
}

unsigned char* Problem::stored(int request, int key, int head) {
    const std::size_t block = size(table_[size(request) * width_ + size(key / case_.page)]);
    const std::size_t step = case_.format == KeyFormat::kFp8Model1 ? 576 : token_bytes_;
    return cache_.data() + block * block_bytes_ + size(key % case_.page) * step +
           size(head) * size(case_.dim) * 2;
}

void Problem::fill_key(int request, int key, int head) {
    double* const values = keys_.data() + first_key_[size(request)] +
                           (size(key) * size(case_.kv_heads) + size(head)) * size(case_.dim);
    unsigned char* const target = stored(request, key, head);
    const bool is_v32 = case_.format == KeyFormat::kFp8V32;
    const int codes = case_.format == KeyFormat::kBf16 ? 0 : is_v32 ? 512 : 448;
    const int columns_per_scale = is_v32 ? 128 : 64;
    float scale = 1;
    for (int d = 0; d < case_.dim; d++) {
        if (d >= codes) {
            const std::uint16_t bits =
                reference::to_bfloat16((static_cast<float>(rng_.below(2001)) - 1000) / 2000);
            const std::size_t offset =
                codes == 0 ? size(d) * 2 : size(is_v32 ? 528 : 448) + size(d - codes) * 2;
            std::memcpy(target + offset, &bits, 2);
            values[d] = reference::bfloat16_value(bits);
            continue;
        }
        if (d % columns_per_scale == 0) {
            const int tile = d / columns_per_scale;
            if (is_v32) {
                // Not a power of two.
                scale = (static_cast<float>(rng_.below(1000)) + 500) / 3e5f;
                std::memcpy(target + 512 + size(tile) * 4, &scale, 4);
            } else {
                const auto code = static_cast<unsigned char>(116 + rng_.below(3));
                scale = std::ldexp(1.0f, code - 127);
                const std::size_t slot = size(key % case_.page);
                target[size(case_.page) * 576 - slot * 576 + slot * 8 + size(tile)] = code;
            }
        }
        // Any code but NaN, subnormals and both zeros included.
        auto code = static_cast<std::uint8_t>(rng_.below(256));
        if ((code & 0x7F) == 0x7F)
            code = static_cast<std::uint8_t>(code & 0x80);
        target[d] = code;
        // The kernel's order: to binary32, then to bfloat16.
        values[d] = reference::bfloat16_value(
            reference::to_bfloat16(static_cast<float>(reference::e4m3_value(code)) * scale));
    }
}

// Cuts the blocks of all requests, one after another, into parts of equal size.
void Problem::make_schedule() {
    std::vector<std::pair<int, int>> units; // a request without keys counts as a block
    for (int b = 0; b < batch_; b++)
        for (int block = 0; block < std::max(1, (case_.lengths[size(b)] + 63) / 64); block++)
            units.emplace_back(b, block);
    std::vector<int> touched(size(batch_));
    for (std::size_t i = 0; i < units.size(); i += size(case_.part_blocks)) {
        const auto [begin, begin_block] = units[i];
        const auto [end, last_block] =
            units[std::min(units.size(), i + size(case_.part_blocks)) - 1];
        const int end_block = case_.lengths[size(end)] == 0 ? 0 : last_block + 1;
        parts_.push_back(Part{begin, end, begin_block, end_block, touched[size(begin)], 0, 0, 0});
        for (int b = begin; b <= end; b++)
            touched[size(b)]++;
    }
    for (Part& part : parts_) {
        part.first_is_split = touched[size(part.begin_request)] > 1;
        part.last_is_split = touched[size(part.end_request)] > 1;
    }
    parts_.push_back(Part{batch_, batch_ - 1, 0, 0, 0, 0, 0, 0}); // idle
    offsets_.assign(1, 0);
    for (int b = 0; b < batch_; b++) {
        offsets_.push_back(offsets_.back() + touched[size(b)]);
        bases_.push_back(sets_);
        if (touched[size(b)] > 1)
            sets_ += touched[size(b)];
    }
}

MlaDecodeParams Problem::params() {
    const int heads = case_.heads, tokens = case_.tokens;
    MlaDecodeParams p{};
    p.q = q_.data();
    p.cache = cache_.data();
    p.block_table = table_.data();
    p.lengths = lengths_.data();
    p.q_head_stride = case_.dim;
    p.q_token_stride = heads * p.q_head_stride;
    p.q_batch_stride = tokens * p.q_token_stride;
    p.cache_head_bytes = case_.dim * 2;
    p.cache_token_bytes = static_cast<long long>(token_bytes_);
    p.cache_block_bytes = static_cast<long long>(block_bytes_);
    p.table_stride = static_cast<long long>(width_);
    p.table_columns = static_cast<int>(width_);
    p.cache_blocks = blocks_ + 2;
    p.page = case_.page;
    p.kv_heads = case_.kv_heads;
    p.group_heads = heads / case_.kv_heads;
    p.row_tiles = (tokens * p.group_heads + 31) / 32;
    p.causal = case_.is_causal;
    p.scale = case_.scale;
    di::flashmla::ResultParams& r = p.result;
    r.out = case_.is_float32 ? static_cast<void*>(out_float_.data()) : out_.data();
    r.lse = lse_.data();
    r.out_head_stride = kDimV;
    r.out_token_stride = heads * kDimV;
    r.out_batch_stride = tokens * r.out_token_stride;
    r.lse_token_stride = 1;
    r.lse_head_stride = tokens;
    r.lse_batch_stride = heads * tokens;
    r.batch = batch_;
    r.tokens = tokens;
    r.heads = heads;
    r.is_float32 = case_.is_float32;
    r.is_base_two = case_.is_base_two;
    r.empty_lse = std::numeric_limits<float>::infinity();
    return p;
}

Report Problem::run(unsigned seed) {
    for (std::size_t i = 0; i < out_.size(); i++) {
        out_[i] = kNaN;
        out_float_[i] = std::numeric_limits<float>::quiet_NaN();
    }
    for (std::size_t i = 0; i < lse_.size(); i++)
        lse_[i] = std::numeric_limits<float>::quiet_NaN();
    Buffer<Part> parts(parts_.size());
    std::copy(parts_.begin(), parts_.end(), parts.data());
    Buffer<int> offsets(offsets_.size()), bases(bases_.size());
    std::copy(offsets_.begin(), offsets_.end(), offsets.data());
    std::copy(bases_.begin(), bases_.end(), bases.data());
    // Not filled: reading a set that no part wrote is an error of the simulator.
    const std::size_t rows = size(std::max(sets_, 1) * case_.tokens * case_.heads);
    Buffer<float> out_sets(rows * kDimV), lse_sets(rows);

    MlaDecodeParams p = params();
    p.parts = parts.data();
    p.result.split_offsets = offsets.data();
    p.result.split_bases = bases.data();
    p.result.out_accumulator = out_sets.data();
    p.result.lse_accumulator = lse_sets.data();
    Dims dims;
    dims.grid.x =
        static_cast<unsigned>(p.row_tiles * p.kv_heads) * static_cast<unsigned>(parts_.size());
    dims.block = {256, 1, 1};
    const bool is_quantized = case_.format != KeyFormat::kBf16;
    const unsigned row = static_cast<unsigned>(case_.dim) * 2 + 16;
    const unsigned stored = !is_quantized                        ? 16
                            : case_.format == KeyFormat::kFp8V32 ? 32 * 656
                                                                 : 32 * 592;
    dims.shared = 32 * row * static_cast<unsigned>(1 + case_.stages) + stored + 32 * 36 * 4 + 256;
    dims.seed = seed;
    dims.workers = 1;
    const bool is_wide = case_.dim == 576, is_double = case_.stages == 2;
    const di_sim_kernel_info& kernel =
        is_quantized ? (is_wide ? di_sim_kernel_mla_fp8_v32 : di_sim_kernel_mla_fp8_model1)
        : is_double  ? (is_wide ? di_sim_kernel_mla_bf16_d576_2 : di_sim_kernel_mla_bf16_d512_2)
                     : (is_wide ? di_sim_kernel_mla_bf16_d576 : di_sim_kernel_mla_bf16_d512);
    Report report = launch(kernel, dims, p);
    if (!report.empty())
        return report;
    dims.grid.x = static_cast<unsigned>((batch_ * case_.tokens * case_.heads + 7) / 8);
    dims.shared = 0;
    return launch(di_sim_kernel_mla_combine, dims, p.result);
}

void Problem::poison(int request, int key) {
    std::memset(stored(request, key, 0), 0xFF, size(case_.dim) * 2);
}

void Problem::forget_block(int request, int column) {
    table_[size(request) * width_ + size(column)] = -7;
}

std::size_t Problem::row_index(int request, int token, int head) const {
    return size((request * case_.tokens + token) * case_.heads + head);
}

double Problem::out(int request, int token, int head, int column) {
    const std::size_t i = row_index(request, token, head) * kDimV + size(column);
    return case_.is_float32 ? double{out_float_[i]} : reference::bfloat16_value(out_[i]);
}

float Problem::lse(int request, int token, int head) {
    return lse_[size((request * case_.heads + head) * case_.tokens + token)];
}

void Problem::check() {
    if (expected_.empty())
        for (int b = 0; b < batch_; b++)
            for (int s = 0; s < case_.tokens; s++)
                for (int h = 0; h < case_.heads; h++)
                    expected_.push_back(attend(b, s, h));
    for (int b = 0; b < batch_; b++)
        for (int s = 0; s < case_.tokens; s++)
            for (int h = 0; h < case_.heads && !testing::Test::HasFailure(); h++)
                check_row(b, s, h);
}

reference::AttentionRow Problem::attend(int b, int s, int h) {
    const int length = case_.lengths[size(b)];
    const int visible = std::max(0, case_.is_causal ? length - (case_.tokens - 1 - s) : length);
    const int kv_head = h / (case_.heads / case_.kv_heads);
    const std::size_t q = row_index(b, s, h) * size(case_.dim);
    const double* const keys = keys_.data() + first_key_[size(b)];
    return reference::attend(
        size(visible), size(case_.dim), kDimV, double{case_.scale},
        [&](std::size_t d) { return reference::bfloat16_value(q_[q + d]); },
        [&](std::size_t key, std::size_t d) {
            return keys[(key * size(case_.kv_heads) + size(kv_head)) * size(case_.dim) + d];
        });
}

void Problem::check_row(int b, int s, int h) {
    SCOPED_TRACE(testing::Message() << "request " << b << " token " << s << " head " << h);
    const reference::AttentionRow& want = expected_[row_index(b, s, h)];
    if (std::isinf(want.lse)) {
        ASSERT_EQ(lse(b, s, h), want.lse);
    } else {
        const double expected = case_.is_base_two ? want.lse / std::log(2.0) : want.lse;
        ASSERT_NEAR(lse(b, s, h), expected, 1e-6 + 8.01 / 65536 * std::fabs(expected));
    }
    double xx = 0, yy = 0, xy = 0;
    for (int d = 0; d < kDimV; d++) {
        const double expected = want.out[size(d)];
        const double got = out(b, s, h, d);
        ASSERT_LE(std::fabs(got - expected), std::max(8e-4, 2.01 / 128 * std::fabs(expected)))
            << "column " << d << ": expected " << expected << ", got " << got;
        xx += got * got;
        yy += expected * expected;
        xy += got * expected;
    }
    if (yy >= 1e-12) {
        ASSERT_LT(1 - 2 * xy / (xx + yy), 5e-6);
    }
}

} // namespace cudasim::test
