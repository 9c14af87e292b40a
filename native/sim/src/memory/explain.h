// SPDX-License-Identifier: MIT
// Addresses and epochs in words, for reports.
#pragma once

#include <string>

#include "core/view.h"

namespace cudasim {

struct Thread;

std::string describe_memory(const void* address);
std::string describe_address(const Thread* t, const void* address);
// Who did what an epoch stands for, and where if that is still known.
std::string describe_epoch(const Thread* t, Epoch e, const void* address);
// ".gpu"
const char* scope_name(int scope);
// What would have ordered an epoch before what t (or another thread of its cluster) did: a release
// that somebody came across, but whose or whose acquire's scope was too narrow. Starts a new line;
// empty if there is none.
std::string explain_missed(const Thread* t, Epoch e);
// The same for an epoch of another launch or cluster: only who.
std::string describe_foreign_epoch(Epoch e);
// "block (0,0,0) thread (5,0,0) [warp 0 lane 5] of kernel f (seed 3, device 0)", by a cluster's
// space and a thread's slot in it, also after the launch.
std::string describe_thread_of(std::uint32_t space, std::uint32_t slot);

} // namespace cudasim
