// SPDX-License-Identifier: MIT
// Where an address of device code points to, whether the access is allowed, and its place in the
// order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/model.h"
#include "memory/shadow.h"

namespace cudasim {

struct AccessFlags {
    bool write = false;
    bool strong = false;
    int scope = DI_SIM_GPU;  // of a strong access, as copies that reduce have it
    std::size_t element = 0; // bytes of its elements, 0: not known
    bool async = false;
    bool tolerate_uninitialised = false;
    const char* what = "access";
};

// Pinned: page-locked memory of the host. Unchecked: constants, memory shared with other processes.
enum class Place : std::uint8_t { Own, Shared, Global, Pinned, Unchecked };

struct KnownMemory;

// Bounds, lifetime and address space of an access; fails the launch when it is not allowed.
// known gets what is kept about device and page-locked memory.
Place check_bounds(Thread* t, const void* p, std::size_t bytes, const AccessFlags& flags,
                   const void* caller, const KnownMemory** known = nullptr);

// The same, then the happens-before check with the given epoch (the thread's own by default).
Place check_access(Thread* t, const void* p, std::size_t bytes, const AccessFlags& flags,
                   const void* caller);
Place check_access_as(Thread* t, Epoch epoch, const void* p, std::size_t bytes,
                      const AccessFlags& flags, const void* caller);

inline Epoch own_epoch(const Thread* t, bool strong) {
    return make_epoch(t->block->cluster->space, t->slot, t->clock, strong);
}

void forget_allocations(); // what this host thread has looked up

// Shared addresses. Fails when there is no such block or the range is outside its shared memory.
std::uint8_t* shared_pointer(Thread* t, std::uint32_t address, std::size_t bytes, std::size_t align,
                             const char* what, const void* caller, Block** owner = nullptr);

// Host memory that devices may use (page-locked), and memory that holds kernel parameters.
void add_host_range(const void* p, std::size_t bytes);
void remove_host_range(const void* p);
bool in_host_range(const void* p, std::size_t bytes);
// Whether any byte of p to p + bytes is in one.
bool overlaps_host_range(const void* p, std::size_t bytes);
// The shadow and the start of the page-locked range that holds p; null if there is none.
std::shared_ptr<Shadow> host_range_shadow(const void* p, const void** base);

// Which devices may use which other device's memory: what contexts allocate, and pools.
void set_peer_access(int device, int peer, bool on);
bool has_peer_access(int device, int peer);
void set_pool_access(int device, int owner, bool on);
bool has_pool_access(int device, int owner);

} // namespace cudasim
