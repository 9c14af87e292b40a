// SPDX-License-Identifier: MIT
// The parts of wgmma that all threads have in common: operands in shared memory, and the product.
#include <algorithm>
#include <cstring>

#include "core/report.h"
#include "memory/shadow.h"
#include "tensor/descriptor.h"
#include "tensor/fp8_sum.h"
#include "tensor/fragments.h"
#include "tensor/multiply.h"
#include "tensor/operands.h"
#include "tensor/tile_layout.h"
#include "tensor/warpgroup.h"

namespace cudasim {

namespace {

constexpr int kMaxN = 256, kMaxK = 32;

// Floats on their way into the multiplication.
struct Panels {
    alignas(64) float a[64 * kMaxK];
    alignas(64) float b[kMaxN * kMaxK];
    alignas(64) float decoded[kMaxN * kMaxK];
};
Panels& panels() {
    static thread_local std::unique_ptr<Panels> own;
    if (own == nullptr)
        own.reset(new Panels);
    return *own;
}

// The order of elements in shared memory: rows of k, or k times rows when MN-major.
void find_chunks(const WarpgroupState& g, const WgmmaOp& op, bool is_b,
                 std::vector<std::uint32_t>& chunks) {
    const WgmmaShape& s = op.shape;
    MatrixDescriptor desc(is_b ? s.desc_b : s.desc_a);
    auto rows = static_cast<unsigned>(is_b ? s.n : 64), k = static_cast<unsigned>(s.k);
    auto bytes = static_cast<unsigned>(element_bytes(is_b ? s.type_b : s.type_a));
    bool mn = (is_b ? s.transpose_b : s.transpose_a) != 0;
    chunks.resize(rows * k * bytes / 16);
    std::uint32_t* to = chunks.data();
    if (!mn) {
        for (unsigned r = 0; r < rows; ++r)
            for (unsigned c = 0; c < k * bytes / 16; ++c)
                *to++ = desc.k_major(r, c);
    } else {
        for (unsigned i = 0; i < k; ++i)
            for (unsigned c = 0; c < rows / 8; ++c)
                *to++ = desc.mn_major(c, i);
    }
    const std::uint32_t end = kSharedBase + g.block->shared_bytes;
    auto [low, high] = std::minmax_element(chunks.begin(), chunks.end());
    if (*low >= kSharedBase && *high + 16 <= end)
        return;
    fail(g.first_thread(), op.caller, "shared memory out of bounds",
         "wgmma descriptor reaches shared offset %ld of %u bytes",
         static_cast<long>(*low < kSharedBase ? *low : *high) - static_cast<long>(kSharedBase),
         g.block->shared_bytes);
}

void check_reads(const WarpgroupState& g, const WgmmaOp& op,
                 const std::vector<std::uint32_t>& chunks) {
    const Cluster& cluster = *g.block->cluster;
    Access access;
    access.thread = g.first_thread();
    access.caller = op.caller;
    access.epoch = make_epoch(cluster.space, g.slot, op.group, false);
    access.async = true;
    access.what = "wgmma";
    access.collective = true;
    for (const ViewRef& view : op.views) {
        access.view = view.get();
        for (std::size_t i = 0; i < chunks.size();) {
            // Swizzled neighbours lie beside each other in either order.
            std::uint32_t at = chunks[i++], bytes = 16;
            if (i < chunks.size() && (chunks[i] ^ at) == 16) {
                at &= ~16u;
                bytes = 32;
                ++i;
            }
            cluster.shadow->read(access, g.block->shared + at, bytes);
        }
    }
}

void decode_registers(const WgmmaOp& op, float* out) {
    int bytes = element_bytes(op.shape.type_a), per = 4 / bytes;
    for (int t = 0; t < static_cast<int>(kWarpgroup); ++t) {
        int lane = t % 32, base = t / 32 * 16;
        for (int j = 0; j < 4; ++j) {
            const auto* p =
                reinterpret_cast<const std::uint8_t*>(&op.a[static_cast<unsigned>(t * 4 + j)]);
            for (int e = 0; e < per; ++e)
                out[(base + a_row(lane, j)) * op.shape.k + a_k(lane, j, per) + e] =
                    element_to_float(op.shape.type_a, p + e * bytes);
        }
    }
}

} // namespace

void prepare_wgmma(WarpgroupState& g, WgmmaOp& op) {
    bool checks = g.block->checks;
    if (!op.shape.a_in_registers) {
        find_chunks(g, op, false, op.chunks_a);
        if (checks) {
            check_reads(g, op, op.chunks_a);
            check_layout(g, op, false, op.chunks_a);
        }
    }
    find_chunks(g, op, true, op.chunks_b);
    if (checks) {
        check_reads(g, op, op.chunks_b);
        check_layout(g, op, true, op.chunks_b);
    }
}

void execute_wgmma(WarpgroupState& g) {
    std::unique_ptr<WgmmaOp> op = std::move(g.queue.front());
    g.queue.pop_front();
    const WgmmaShape& s = op->shape;
    Panels& p = panels();
    const std::uint8_t* shared = g.block->shared;
    auto count = [](const std::vector<std::uint32_t>& chunks) {
        return static_cast<int>(chunks.size());
    };
    if (s.a_in_registers) {
        decode_registers(*op, p.a);
    } else {
        bool mn = s.transpose_a != 0;
        decode_chunks(s.type_a, shared, op->chunks_a.data(), count(op->chunks_a),
                      mn ? p.decoded : p.a);
        if (mn)
            transpose(p.decoded, s.k, 64, p.a);
    }
    bool mn = s.transpose_b != 0;
    decode_chunks(s.type_b, shared, op->chunks_b.data(), count(op->chunks_b), mn ? p.b : p.decoded);
    if (!mn)
        transpose(p.decoded, s.n, s.k, p.b);
    if (s.scale_a * s.scale_b < 0)
        for (int i = 0; i < 64 * s.k; ++i)
            p.a[i] = -p.a[i];
    Accumulator& acc = g.accumulators[op->accumulator];
    if (s.scale_d == 0)
        std::fill(acc.tile.begin(), acc.tile.end(), 0.0f);
    else if (op->captured != 0)
        tile_from_registers(op->initial.data(), s.n, acc.tile.data());
    if (element_bytes(s.type_a) == 1 && truncates_fp8(g.first_thread(), op->caller))
        multiply_truncating(p.a, p.b, acc.tile.data(), 64, s.n, s.k, s.type_a, s.type_b);
    else
        multiply_tile(p.a, p.b, acc.tile.data(), s.n, s.k);
    acc.delivering = false;
    g.spare.push_back(std::move(op));
}

} // namespace cudasim
