// SPDX-License-Identifier: MIT
#include "core/fiber.h"

#include <sys/mman.h>

#include <cstring>
#include <new>

namespace cudasim {

namespace {
constexpr std::size_t kGuardBytes = 4096;
constexpr std::size_t kMapBytes = kFiberStackBytes + kGuardBytes;
} // namespace

StackPool& StackPool::instance() {
    static auto* pool =
        new StackPool; // lives as long as the process: launches may outlive static objects
    return *pool;
}

void StackPool::give(FiberStack stack) {
    if (stack.low == nullptr)
        return; // of a thread that never got one
    std::lock_guard<std::mutex> lock(mutex_);
    free_.push_back(stack);
}

FiberStack StackPool::take() {
    {
        std::lock_guard<std::mutex> lock(mutex_);
        if (!free_.empty()) {
            FiberStack stack = free_.back();
            free_.pop_back();
            return stack;
        }
        // Room for all of them: giving one back must not fail.
        if (++all_ > free_.capacity())
            free_.reserve(2 * all_);
    }
    void* map = mmap(nullptr, kMapBytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED)
        throw std::bad_alloc();
    auto* base = static_cast<std::uint8_t*>(map);
    // A failing mprotect means that the process has too many mappings: the stack then has no guard
    // page, and an overflow is found by the canary of the neighbour only. Refuse instead.
    if (mprotect(base, kGuardBytes, PROT_NONE) != 0) {
        munmap(map, kMapBytes);
        throw std::bad_alloc();
    }
    return {base + kGuardBytes, base + kMapBytes};
}

void* prepare_fiber(FiberStack stack, void (*entry)(), unsigned stagger) {
    std::uint8_t* top = stack.high - 64 - std::size_t{stagger % 32} * 64;
    top = reinterpret_cast<std::uint8_t*>(reinterpret_cast<std::uintptr_t>(top) &
                                          ~std::uintptr_t{63});
#if defined(__x86_64__)
    // After the return of the switch the stack pointer must be 8 modulo 16, as after a call.
    auto* words = reinterpret_cast<void**>(top);
    *--words = nullptr;                        // return address of entry: none
    *--words = reinterpret_cast<void*>(entry); // where the switch returns to
    for (int i = 0; i < 6; ++i)
        *--words = nullptr;
    return words;
#else
    top -= 160;
    std::memset(top, 0, 160);
    std::memcpy(top + 88, &entry, sizeof entry); // x30
    return top;
#endif
}

} // namespace cudasim
