// SPDX-License-Identifier: MIT
// wgmma operations of one warpgroup: four warps that deposit their arguments one thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "core/model.h"

namespace cudasim {

constexpr unsigned kWarpgroup = 128;

struct WgmmaShape {
    int n = 0, k = 0, type_a = 0, type_b = 0;
    std::uint64_t desc_a = 0, desc_b = 0;
    bool a_in_registers = false;
    int scale_d = 0, scale_a = 1, scale_b = 1, transpose_a = 0, transpose_b = 0;
    bool operator==(const WgmmaShape&) const = default;
};

struct WgmmaOp {
    WgmmaShape shape;
    std::uint32_t group = 0;
    unsigned deposited = 0; // threads
    const void* caller = nullptr;
    float* d[kWarpgroup] = {};
    unsigned captured = 0;        // threads whose registers were not already in flight
    std::vector<float> initial;   // D of those by value, n / 2 of each thread together
    std::vector<std::uint32_t> a; // A by value, 4 registers per thread
    std::vector<ViewRef> views;   // what the threads had seen, distinct ones
    // Shared offsets of the operands' pieces of 16 bytes, in the order of decoded elements.
    std::vector<std::uint32_t> chunks_a, chunks_b;
    std::size_t accumulator = 0; // index
};

// 64 x n values that operations in flight add to. The threads' registers hold poison meanwhile.
struct Accumulator {
    float* d[kWarpgroup] = {};
    int n = 0;
    std::vector<float> tile;      // by rows
    std::vector<float> registers; // the same, n / 2 of each thread together, once `delivering`
    bool delivering = false;
    std::uint32_t last_group = 0;
    unsigned delivered = 0;
    bool has_result[kWarpgroup] = {};
    bool live = false;
};

// An operand whose layout agreed with the tiles it lies in.
struct LayoutCheck {
    std::uint64_t descriptor = 0, layouts = 0;
    unsigned lines = 0, pieces = 0;
    bool mn = false;
    bool operator==(const LayoutCheck&) const = default;
};

struct WarpgroupState {
    Block* block = nullptr;
    unsigned index = 0;
    std::uint32_t slot = 0;                     // agent
    std::deque<std::unique_ptr<WgmmaOp>> open;  // deposited by some threads, not by all
    std::uint64_t closed = 0;                   // operations that all threads have deposited
    std::uint64_t deposits[kWarpgroup] = {};    // per thread
    std::deque<std::unique_ptr<WgmmaOp>> queue; // complete, not executed
    std::vector<std::unique_ptr<WgmmaOp>> spare;
    std::vector<Accumulator> accumulators;
    std::uint32_t committed[kWarpgroup] = {}; // groups
    std::uint64_t uncommitted[kWarpgroup] = {};
    std::vector<Thread*> waiting; // for other warps' deposits
    std::vector<LayoutCheck> layouts_checked;
    std::size_t next_layout = 0; // to forget

    Thread* first_thread() const { return &block->threads[index * kWarpgroup]; }
};

// All threads have deposited op: finds the pieces of its operands and lets its reads take their
// place in the order.
void prepare_wgmma(WarpgroupState& g, WgmmaOp& op);
// Performs the oldest operation of the queue.
void execute_wgmma(WarpgroupState& g);

// Fails if t exits while its warpgroup's operations are in flight.
void check_wgmma_exit(Thread* t);

} // namespace cudasim
