// SPDX-License-Identifier: MIT
// Building a cluster of blocks and taking it down.
#pragma once

#include <memory>

#include "core/launch.h"
#include "core/worker.h"

namespace cudasim {

std::unique_ptr<Cluster> make_cluster(Launch& launch, Worker& worker, std::uint32_t index);
void release_arena(Cluster& cluster);

// What happens when a thread's kernel function returns: checks, barriers of those that remain.
[[noreturn]] void finish_thread(Thread* t);

} // namespace cudasim
