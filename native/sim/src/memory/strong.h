// SPDX-License-Identifier: MIT
// Strong operations: atomics, loads and stores with an order, volatile accesses, fences; and the
// happens-before edges that they make.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/model.h"

namespace cudasim {

// An atomic operation or, when it returns nothing to the thread, a reduction.
struct Atomic {
    int op, type, order, scope;
    bool returns = true;
    int failure_order = DI_SIM_RELAXED; // of a compare-and-swap that finds another value
};
std::uint64_t strong_atomic(Thread* t, const Atomic& op, void* p, std::uint64_t value,
                            std::uint64_t compare, const void* caller);
void strong_load(Thread* t, void* to, const void* p, std::size_t bytes, int order, int scope,
                 const void* caller);
void strong_store(Thread* t, void* p, const void* from, std::size_t bytes, int order, int scope,
                  const void* caller);
void strong_fence(Thread* t, int order, int scope);
// The compiler performs the access itself; this is only its place in the order.
void volatile_access(const void* p, std::size_t bytes, bool write, const void* caller);

// Where the strong access was that left an epoch at an address, if that is still known: other
// clusters run on other host threads, whose own records cannot be looked at.
const void* strong_place(Epoch e, const void* address);

// Forgets what has been released at a range of global memory, which the host writes or frees.
void forget_sync(const void* address, std::size_t bytes);

// Adds what t has done and seen to a synchronisation object; later accesses of t get a new clock.
void release_into(Thread* t, ViewBuilder& builder);
ViewRef release_view(Thread* t);
// What happened before view happens before t's next operations.
void acquire_view(Thread* t, const ViewRef& view);
// Remembers for reports what t did not acquire; nothing when the view is empty.
void miss_view(Thread* t, MissedView missed);
// Starts a new clock for t.
void advance_clock(Thread* t);

} // namespace cudasim
