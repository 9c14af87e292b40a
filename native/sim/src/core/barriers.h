// SPDX-License-Identifier: MIT
// Block-wide named barriers and the barrier of a cluster.
#pragma once

#include "core/model.h"

namespace cudasim {

// count 0: all threads of the block that have not exited. With wait the thread blocks.
// red: -1 none, 0 popc, 1 and, 2 or; the result is returned.
int named_barrier(Thread* t, unsigned id, unsigned count, bool wait, int red, int predicate,
                  const void* caller);
void cluster_arrive(Thread* t, bool release, const void* caller);
void cluster_wait(Thread* t, const void* caller);
// A thread exited: barriers that counted on it may be complete now.
void barriers_after_exit(Thread* t);

} // namespace cudasim
