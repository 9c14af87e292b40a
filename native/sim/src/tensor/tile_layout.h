// SPDX-License-Identifier: MIT
// How tiles lie in shared memory: a load through a tensor map leaves one behind, and a matrix
// descriptor that reads its bytes must mean the same layout. Both sides follow their own swizzle
// and strides, so that a disagreement would only show as a wrong product.
#pragma once

#include <cstdint>
#include <vector>

#include "core/view.h"

namespace cudasim {

struct Block;
struct Thread;
struct WarpgroupState;
struct WgmmaOp;

// A box that a tensor map loads: rows one after the other, swizzled by address.
struct Tile {
    std::uint32_t start = 0, bytes = 0; // in the block's shared memory
    std::uint32_t row_bytes = 0;
    unsigned swizzle = 0; // as in tensor maps
    Epoch epoch = 0;      // of its bytes, as long as nobody writes them again
    const Thread* issuer = nullptr;
    const void* caller = nullptr; // device code
};

// A load into the block's shared memory was issued.
void note_tile(Block& block, const Tile& tile);

// The operand's pieces of 16 bytes, in the order of rows of k or, when MN-major, of k times rows:
// fails where they lie in tiles whose layout is not the descriptor's.
void check_layout(WarpgroupState& group, const WgmmaOp& op, bool is_b,
                  const std::vector<std::uint32_t>& chunks);

} // namespace cudasim
