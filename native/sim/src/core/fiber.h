// SPDX-License-Identifier: MIT
// Stacks of fibers and the switch between them. One fiber runs one CUDA thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

extern "C" void cudasim_switch(void** save, void* restore);

namespace cudasim {

constexpr std::size_t kFiberStackBytes = 64 * 1024;

struct FiberStack {
    std::uint8_t* low = nullptr;  // first usable byte, above the guard page
    std::uint8_t* high = nullptr; // one past the last
};

// Gives out guarded stacks and keeps returned ones for later launches.
class StackPool {
  public:
    static StackPool& instance();

    // Throws std::bad_alloc where the process may not have another one.
    FiberStack take();
    void give(FiberStack stack);

  private:
    std::mutex mutex_;
    std::vector<FiberStack> free_;
    std::size_t all_ = 0; // at least so many as there are
};

// Prepares a stack so that the first switch to the returned stack pointer calls entry.
// stagger spreads the stack tops over cache sets: all fibers would otherwise share a few lines.
void* prepare_fiber(FiberStack stack, void (*entry)(), unsigned stagger);

} // namespace cudasim
