// SPDX-License-Identifier: MIT
#include "core/window.h"

#include "core/report.h"
#include "memory/access.h"

namespace cudasim {

void fail_window(Thread* t, std::uint32_t address, const char* what, const void* caller) {
    fail(t, caller, "address of another block",
         "%s: shared address 0x%x belongs to block rank %u of the cluster, and the instruction "
         "takes addresses of its own block (rank %u) only",
         what, address, rank_of_address(address), t->block->rank);
}

std::uint8_t* own_shared_pointer(Thread* t, std::uint32_t address, std::size_t bytes,
                                 std::size_t align, const char* what, const void* caller) {
    require_own_block(t, address, what, caller);
    return shared_pointer(t, address, bytes, align, what, caller);
}

} // namespace cudasim
