// SPDX-License-Identifier: MIT
#include "allocation_limit.h"

#include <cerrno>
#include <cstddef>

namespace {
// How many allocations of this thread succeed from now on; all for a negative number.
thread_local long left = -1;
thread_local bool only_one = false, has_failed = false;
} // namespace

extern "C" void* __libc_malloc(std::size_t bytes);
// The library's operator new ends here too.
extern "C" void* malloc(std::size_t bytes) {
    if (left == 0) {
        has_failed = true;
        if (only_one)
            left = -1;
        errno = ENOMEM;
        return nullptr;
    }
    if (left > 0)
        --left;
    return __libc_malloc(bytes);
}

namespace cudasim::test {

void limit_allocations(long allowed, Failing failing) {
    only_one = failing == Failing::One;
    has_failed = false;
    left = allowed;
}

bool end_limit() {
    left = -1;
    return has_failed;
}

} // namespace cudasim::test
