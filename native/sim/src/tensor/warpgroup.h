// SPDX-License-Identifier: MIT
// wgmma operations of one warpgroup: four warps that deposit their arguments one thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "core/model.h"

namespace cudasim {

struct WgmmaShape {
    int n = 0, k = 0, type_a = 0, type_b = 0, type_d = 0;
    bool operator==(const WgmmaShape&) const = default;
};

struct WgmmaOp {
    WgmmaShape shape;
    std::uint64_t desc_a = 0, desc_b = 0;
    bool a_in_registers = false;
    int scale_d = 0, scale_a = 1, scale_b = 1, transpose_a = 0, transpose_b = 0;
    unsigned deposited = 0;
    std::uint32_t group = 0;
    const void* caller = nullptr;
    Thread* issuer = nullptr;
    void* registers[128] = {};     // of D, by thread of the warpgroup
    std::vector<std::uint32_t> a;  // 128 x 4, captured by value
    std::int64_t accumulator = -1; // index in WarpgroupState::accumulators
};

// 64 x N values that a chain of operations accumulates into. The threads' registers hold poison
// until the wait that makes them valid.
struct Accumulator {
    void* key[128] = {}; // the registers it belongs to, by thread
    int n = 0, type = 0;
    std::vector<float> values;
    unsigned in_flight = 0;
    bool live = false;
};

struct WarpgroupState {
    unsigned index = 0;
    Block* block = nullptr;
    std::uint32_t slot = 0;                     // agent
    std::deque<std::unique_ptr<WgmmaOp>> open;  // deposited by some threads, not by all
    std::vector<unsigned> next_open;            // per thread: how many operations it has deposited
    std::uint64_t completed_ops = 0;            // taken off the front of open
    std::deque<std::unique_ptr<WgmmaOp>> queue; // complete, not executed
    std::vector<Accumulator> accumulators;
    std::uint32_t committed[128] = {}; // groups per thread
    std::uint32_t waited[128] = {};    // groups known done per thread
    bool uncommitted[128] = {};
    bool fenced[128] = {}; // wgmma.fence since the registers were touched
    std::vector<std::pair<std::uint32_t, Accumulator*>> results;
};

// Fails if t exits while its warpgroup's operations are in flight.
void check_wgmma_exit(Thread* t);
// A register range of t that a wgmma in flight owns must not be used.
bool wgmma_owns(const Thread* t, const void* p, std::size_t bytes);

} // namespace cudasim
