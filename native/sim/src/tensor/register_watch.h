// SPDX-License-Identifier: MIT
// Registers that wgmma uses. In a kernel compiled for the host they are arrays on the thread's
// stack, whose accesses the compiler instruments: so it can be seen when a thread touches them
// while an operation is in flight, or between wgmma.fence and the operation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/fiber.h"

namespace cudasim {

struct Thread;

class RegisterWatch {
  public:
    // Gives out watches, and takes them back with their logs, which are large.
    static RegisterWatch* take();
    void give_back();

    // wgmma.fence: accesses so far are ordered before what comes.
    void fence();
    // An instrumented access of the thread to its own stack.
    void access(Thread* t, const std::uint8_t* at, std::size_t bytes, bool write,
                const void* caller);
    // True if one of the bytes was accessed since the last fence; *index gets the first word.
    bool touched(const Thread* t, const void* p, std::size_t bytes, std::size_t* index) const;

    // The accumulator at d is in flight.
    bool in_flight(const float* d) const;
    // An operation of the group uses registers from now on: its accumulator, or a fragment of A.
    void use(const void* p, std::size_t bytes, bool accumulator, std::uint32_t group,
             const void* caller);
    // The groups up to this one have been waited for.
    void release(std::uint32_t group);

  private:
    struct Use {
        const std::uint8_t *low, *high;
        bool accumulator;
        std::uint32_t group;
        const void* caller;
    };
    static constexpr std::size_t kWord = 4;

    void find_hull();
    [[noreturn]] void fail_in_flight(Thread* t, const Use& use, const std::uint8_t* at,
                                     std::size_t bytes, bool write, const void* caller) const;

    std::vector<Use> uses_;
    const std::uint8_t *low_ = nullptr, *high_ = nullptr; // around all uses
    std::uint8_t now_ = 1;                                // number of the fence, never 0
    bool touched_ = false;                                // since the fence
    std::vector<std::uint8_t> log_ = std::vector<std::uint8_t>(kFiberStackBytes / kWord);
};

struct GiveBackWatch {
    void operator()(RegisterWatch* watch) const { watch->give_back(); }
};
using RegisterWatchPointer = std::unique_ptr<RegisterWatch, GiveBackWatch>;

} // namespace cudasim
