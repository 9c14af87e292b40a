// SPDX-License-Identifier: MIT
// Instructions that lanes of a warp perform together.
#pragma once

#include <cstdint>

#include "core/model.h"

namespace cudasim {

// Waits until all lanes of mask are at the same kind of instruction; the last one runs complete
// (which fills Thread::result of the lanes), then all go on. Fails when lanes diverge.
void collective(Thread* t, std::uint32_t mask, int kind, const char* what, const void* caller,
                void (*complete)(Warp& warp, std::uint32_t mask, void* context),
                void* context = nullptr);

// Kinds of collectives, so that lanes at different instructions are not mistaken for converged.
enum CollectiveKind : int {
    kSyncWarp = 1,
    kShuffle = 0x10, // + mode
    kVote = 0x20,    // + mode
    kMatchAny = 0x30,
    kMatchAll = 0x31,
    kReduce = 0x40, // + operation and type
    kElect = 0x32,
    kLoadMatrix = 0x1000,
    kStoreMatrix = 0x2000,
    kMma = 0x3000
};

// All live lanes of the warp execute this too, as their next such instruction (for .sync.aligned
// instructions that exchange no data). Nobody waits: lanes that come here at another instruction,
// at a barrier or at their exit are found then. The text of `what` stands for the instruction.
void converge(Thread* t, const char* what, const void* caller);
// Fails if lanes of mask have executed an aligned instruction that t, which now executes something
// else that they take part in, has not.
void check_aligned(Thread* t, std::uint32_t mask, const char* what, const void* caller);
// The same for a thread that has exited.
void check_aligned_exit(Thread* t);

} // namespace cudasim
