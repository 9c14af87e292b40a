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
    kElect = 0x32,
    kReduce = 0x40, // + operation and type
    kWgmmaFence = 0x80,
    kWgmmaCommit = 0x81,
    kWgmmaWait = 0x82,
    kSetMaxRegisters = 0x83, // + 1 to increase
    kWithoutExited = 0x100,  // lanes that exit are not waited for
    kClusterArrive = 0x100,  // + 1 when it releases
    kClusterWait = 0x102,
    kBarrierArrive = 0x110, // + number of the barrier
    kWithoutExitedEnd = 0x120,
    kLoadMatrix = 0x1000,
    kStoreMatrix = 0x2000,
    kMma = 0x3000
};

// The lanes of the warp wait for each other at an aligned instruction (.sync.aligned). A lane that
// has exited is an error, except for kinds between kWithoutExited and kWithoutExitedEnd.
void converge(Thread* t, int kind, const char* what, const void* caller);
// A thread has exited: fails if lanes wait for it, except where its exit lets them go on.
void leave_collectives(Thread* t);

} // namespace cudasim
