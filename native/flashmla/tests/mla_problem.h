// SPDX-License-Identifier: MIT
// A decode problem for kernels on the simulator: every cache slot and table entry that no request
// needs holds NaN or garbage, blocks are in no order. The reference is attention in binary64.
#pragma once

#include <cstdint>
#include <vector>

#include "core/rng.h"
#include "flashmla/smxx/params.h"
#include "sim_test.h"
#include "tests/reference/attention.h"

namespace cudasim::test {

namespace reference = di::reference;

struct Case {
    std::vector<int> lengths;
    int tokens = 1;
    int heads = 16;
    int kv_heads = 1;
    int page = 64;
    bool is_causal = false;
    float scale = 0.041666668f;
    di::flashmla::KeyFormat format = di::flashmla::KeyFormat::kBf16;
    int dim = 576;
    int stages = 1;
    int part_blocks = 1000; // blocks of 64 keys per part of the schedule, across requests
    bool is_float32 = false;
    bool is_base_two = false;
};

class Problem {
  public:
    explicit Problem(const Case& shape);

    // Decodes and combines.
    Report run(unsigned seed);

    // Compares with the reference; stops at the first difference.
    void check();

    // Makes a key NaN.
    void poison(int request, int key);

    // Makes a table entry name no block.
    void forget_block(int request, int column);

    double out(int request, int token, int head, int column);
    float lse(int request, int token, int head);

  private:
    void fill_key(int request, int key, int head);
    unsigned char* stored(int request, int key, int head);
    void make_schedule();
    di::flashmla::MlaDecodeParams params();
    reference::AttentionRow attend(int request, int token, int head);
    void check_row(int request, int token, int head);
    std::size_t row_index(int request, int token, int head) const;

    Case case_;
    int batch_;
    int blocks_ = 0;
    std::size_t width_ = 0;
    std::size_t token_bytes_, block_bytes_;
    Rng rng_;
    std::vector<double> keys_; // [request][key][head][dim] as the kernel should see them
    std::vector<std::size_t> first_key_;
    std::vector<di::flashmla::Part> parts_;
    std::vector<int> offsets_, bases_;
    int sets_ = 0;
    Buffer<std::uint16_t> q_;
    Buffer<unsigned char> cache_;
    Buffer<std::int32_t> table_, lengths_;
    Buffer<std::uint16_t> out_;
    Buffer<float> out_float_, lse_;
    std::vector<reference::AttentionRow> expected_;
};

} // namespace cudasim::test
