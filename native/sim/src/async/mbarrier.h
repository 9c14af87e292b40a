// SPDX-License-Identifier: MIT
// mbarrier objects: the state that the 64-bit word in shared memory stands for.
#pragma once

#include <cstdint>
#include <vector>

#include "core/model.h"

namespace cudasim {

struct Mbarrier {
    Block* block = nullptr;
    std::uint32_t offset = 0;   // of the word in the block's shared memory
    std::uint32_t slot = 0;     // agent that copies completing here write as
    std::uint32_t expected = 0; // arrivals per phase
    std::uint32_t pending = 0;  // arrivals still missing in this phase
    std::int64_t tx = 0;     // bytes expected and not yet complete; may be negative within a phase
    std::uint32_t phase = 0; // absolute number of the phase in progress
    bool fenced = false;     // its initialisation is visible to the async proxy and the cluster
    std::uint32_t init_slot = 0, init_clock = 0;
    std::uint32_t cp_async_pending = 0; // arrivals that cp.async operations will make
    // What the arrivals of this phase released, by who may acquire it.
    ViewBuilder own;     // threads of its block, and copies: every acquiring wait
    ViewBuilder cluster; // other blocks, in the cluster's scope: waits with that scope
    ViewBuilder narrow;  // other blocks, in their own block's scope: nobody here
    // The same of the phase that was completed last.
    ViewRef last_own, last_cluster, last_narrow;
    std::vector<Thread*> waiting;
    std::vector<std::uint64_t> arrivals; // threads of this phase, for reports of over-arrival
};

constexpr std::uint64_t kMbarrierMagic = 0x6d62617272000000ULL;

// The barrier at a shared address; fails when there is none, or when its word was overwritten.
Mbarrier& find_mbarrier(Thread* t, std::uint32_t address, const char* what, const void* caller);
std::uint32_t mbarrier_address(const Mbarrier& bar);

// Bytes of an asynchronous copy have landed. t issued it.
void mbarrier_complete(Thread* t, Mbarrier& bar, std::int64_t bytes);
// An arrival that cp.async makes when its copies are done.
void mbarrier_async_arrive(Thread* t, Mbarrier& bar, const ViewRef& view);

} // namespace cudasim
