// SPDX-License-Identifier: MIT
// The window of shared memory that an instruction's address may lie in: that of the block alone
// (.shared::cta), or that of the whole cluster (.shared::cluster).
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/model.h"

namespace cudasim {

inline std::uint32_t rank_of_address(std::uint32_t address) { return address >> kRankShift; }

// Fails when the address belongs to another block: `what` takes those of its own block only.
[[noreturn]] void fail_window(Thread* t, std::uint32_t address, const char* what,
                              const void* caller);
inline void require_own_block(Thread* t, std::uint32_t address, const char* what,
                              const void* caller) {
    if (rank_of_address(address) != t->block->rank)
        fail_window(t, address, what, caller);
}

// The bytes at a shared::cta address. Fails as require_own_block and shared_pointer do.
std::uint8_t* own_shared_pointer(Thread* t, std::uint32_t address, std::size_t bytes,
                                 std::size_t align, const char* what, const void* caller);

} // namespace cudasim
