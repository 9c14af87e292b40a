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

} // namespace cudasim
