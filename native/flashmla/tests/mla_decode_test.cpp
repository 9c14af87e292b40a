// SPDX-License-Identifier: MIT
// The plain decode kernel on the simulator, all checks on, against attention in binary64. Every
// cache slot and table entry that no request needs holds NaN or garbage.
#include <cmath>
#include <cstdint>
#include <gtest/gtest.h>
#include <limits>
#include <vector>

#include "core/rng.h"
#include "sim_test.h"
#include "tests/reference/attention.h"
#include "tests/reference/numbers.h"

extern "C" {
extern const di_sim_kernel_info di_sim_kernel_mla_decode;
}

namespace cudasim::test {
namespace {

namespace reference = di::reference;

constexpr int kDimQk = 576, kDimV = 512;
constexpr std::uint16_t kNaN = 0x7FC0;

// The parameter block as the kernel has it.
struct Params {
    const std::uint16_t* q;
    const std::uint16_t* cache;
    const std::int32_t* block_table;
    const std::int32_t* lengths;
    std::uint16_t* out;
    float* lse;
    std::int64_t q_batch_stride, q_token_stride, q_head_stride;
    std::int64_t cache_block_stride, cache_token_stride, cache_head_stride;
    std::int64_t table_stride;
    std::int64_t out_batch_stride, out_token_stride, out_head_stride;
    std::int64_t lse_batch_stride, lse_head_stride;
    std::int32_t tokens;
    std::int32_t group_heads;
    std::int32_t page;
    std::int32_t causal;
    float scale;
    std::int32_t reserved;
};

struct Case {
    std::vector<int> lengths;
    int tokens = 1;
    int heads = 16;
    int kv_heads = 1;
    int page = 64;
    bool is_causal = false;
    float scale = 0.041666668f;
};

class Problem {
  public:
    explicit Problem(const Case& shape)
        : case_(shape), batch_(static_cast<int>(shape.lengths.size())), blocks_(count_blocks()),
          rng_(static_cast<std::uint64_t>(shape.tokens * 131 + shape.heads)),
          q_(size(batch_) * shape.tokens * shape.heads * kDimQk),
          cache_(size(blocks_ + 2) * shape.page * shape.kv_heads * kDimQk, kNaN),
          table_(size(batch_) * width_, 2147480000), lengths_(size(batch_)),
          out_(size(batch_) * shape.tokens * shape.heads * kDimV),
          lse_(size(batch_) * shape.heads * shape.tokens) {
        for (std::size_t i = 0; i < q_.size(); i++)
            q_[i] = value();
        // Blocks are handed out from the last one down, so that their order is not that of the
        // tokens.
        int next = blocks_;
        for (int b = 0; b < batch_; b++) {
            const int length = case_.lengths[size(b)];
            lengths_[size(b)] = length;
            for (int key = 0; key < length; key++) {
                if (key % case_.page == 0)
                    table_[size(b) * width_ + size(key / case_.page)] = next--;
                for (int h = 0; h < case_.kv_heads; h++)
                    for (int d = 0; d < kDimQk; d++)
                        cache_[key_index(b, key, h) + size(d)] = value();
            }
        }
        for (int b = 0; b < batch_; b++)
            for (int s = 0; s < case_.tokens; s++)
                for (int h = 0; h < case_.heads; h++)
                    expected_.push_back(attend(b, s, h));
    }

    Report run(unsigned seed) {
        for (std::size_t i = 0; i < out_.size(); i++)
            out_[i] = kNaN;
        for (std::size_t i = 0; i < lse_.size(); i++)
            lse_[i] = std::numeric_limits<float>::quiet_NaN();
        const int heads = case_.heads, tokens = case_.tokens;
        const int group = heads / case_.kv_heads;
        Params p{};
        p.q = q_.data();
        p.cache = cache_.data();
        p.block_table = table_.data();
        p.lengths = lengths_.data();
        p.out = out_.data();
        p.lse = lse_.data();
        p.q_head_stride = kDimQk;
        p.q_token_stride = heads * kDimQk;
        p.q_batch_stride = tokens * p.q_token_stride;
        p.cache_head_stride = kDimQk;
        p.cache_token_stride = case_.kv_heads * kDimQk;
        p.cache_block_stride = case_.page * p.cache_token_stride;
        p.table_stride = static_cast<std::int64_t>(width_);
        p.out_head_stride = kDimV;
        p.out_token_stride = heads * kDimV;
        p.out_batch_stride = tokens * p.out_token_stride;
        p.lse_head_stride = tokens;
        p.lse_batch_stride = heads * tokens;
        p.tokens = tokens;
        p.group_heads = group;
        p.page = case_.page;
        p.causal = case_.is_causal;
        p.scale = case_.scale;
        Dims dims;
        dims.grid = {static_cast<unsigned>((tokens * group + 31) / 32),
                     static_cast<unsigned>(case_.kv_heads), static_cast<unsigned>(batch_)};
        dims.block = {256, 1, 1};
        dims.shared = 82304;
        dims.seed = seed;
        dims.workers = 1;
        return launch(di_sim_kernel_mla_decode, dims, p);
    }

    void check() {
        for (int b = 0; b < batch_; b++)
            for (int s = 0; s < case_.tokens; s++)
                for (int h = 0; h < case_.heads; h++)
                    check_row(b, s, h);
    }

  private:
    static std::size_t size(int value) { return static_cast<std::size_t>(value); }

    int count_blocks() {
        int blocks = 0, longest = 0;
        for (int length : case_.lengths) {
            blocks += (length + case_.page - 1) / case_.page;
            longest = std::max(longest, (length + case_.page - 1) / case_.page);
        }
        width_ = size(longest + 3);
        return blocks;
    }

    std::uint16_t value() {
        return reference::to_bfloat16((static_cast<float>(rng_.below(2001)) - 1000) / 2000);
    }

    std::size_t key_index(int b, int key, int head) {
        const std::size_t block = size(table_[size(b) * width_ + size(key / case_.page)]);
        return ((block * size(case_.page) + size(key % case_.page)) * size(case_.kv_heads) +
                size(head)) *
               kDimQk;
    }

    // Where the row of a query begins, in rows of q and out.
    std::size_t row_of(int b, int s, int h) const {
        return (size(b) * size(case_.tokens) + size(s)) * size(case_.heads) + size(h);
    }

    reference::AttentionRow attend(int b, int s, int h) {
        const int length = case_.lengths[size(b)];
        const int visible = std::max(0, case_.is_causal ? length - (case_.tokens - 1 - s) : length);
        const int kv_head = h / (case_.heads / case_.kv_heads);
        const std::size_t q = row_of(b, s, h) * kDimQk;
        return reference::attend(
            size(visible), kDimQk, kDimV, double{case_.scale},
            [&](std::size_t d) { return reference::bfloat16_value(q_[q + d]); },
            [&](std::size_t key, std::size_t d) {
                return reference::bfloat16_value(
                    cache_[key_index(b, static_cast<int>(key), kv_head) + d]);
            });
    }

    void check_row(int b, int s, int h) {
        SCOPED_TRACE(testing::Message() << "request " << b << " token " << s << " head " << h);
        const reference::AttentionRow& want = expected_[row_of(b, s, h)];
        const float lse =
            lse_[(size(b) * size(case_.heads) + size(h)) * size(case_.tokens) + size(s)];
        if (std::isinf(want.lse)) {
            ASSERT_EQ(lse, want.lse);
        } else {
            ASSERT_NEAR(lse, want.lse, 1e-6 + 8.01 / 65536 * std::fabs(want.lse));
        }
        const std::size_t out = row_of(b, s, h) * kDimV;
        double xx = 0, yy = 0, xy = 0;
        for (int d = 0; d < kDimV; d++) {
            const double expected = want.out[size(d)];
            const double got = reference::bfloat16_value(out_[out + size(d)]);
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

    Case case_;
    std::size_t width_ = 0;
    int batch_;
    int blocks_;
    Rng rng_;
    Buffer<std::uint16_t> q_, cache_;
    Buffer<std::int32_t> table_, lengths_;
    Buffer<std::uint16_t> out_;
    Buffer<float> lse_;
    std::vector<reference::AttentionRow> expected_;
};

void check_all_seeds(const Case& shape) {
    Problem problem(shape);
    expect_right_on_all_seeds([&](unsigned seed) { return problem.run(seed); },
                              [&] { problem.check(); });
}

TEST(MlaDecode, OneToken_LengthsAroundTiles_IsRight) { check_all_seeds({{1, 31, 32, 33, 97}}); }

TEST(MlaDecode, RequestWithoutKeys_GivesZeroAndInfinity) { check_all_seeds({{0, 5}, 1, 3}); }

TEST(MlaDecode, CausalTokens_SeeTheirShare) { check_all_seeds({{1, 40}, 3, 12, 1, 16, true}); }

TEST(MlaDecode, SeveralKeyHeads_AnyPage_IsRight) {
    check_all_seeds({{35, 3}, 2, 6, 2, 1, true});
    check_all_seeds({{70}, 1, 40, 1, 53});
}

TEST(MlaDecode, AnyFiniteScale_IsRight) {
    for (const float scale : {0.0f, -0.05f, 1e-8f, 2.0f})
        check_all_seeds({{50}, 1, 2, 1, 64, false, scale});
}

// Small enough for thousands of schedules, with a second round of keys.
TEST(MlaDecode, ManySchedules_SmallShape_IsRight) { check_all_seeds({{33}, 1, 2}); }

} // namespace
} // namespace cudasim::test
