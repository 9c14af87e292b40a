// SPDX-License-Identifier: MIT
// Graphs: operations and what they depend on. A launch runs them one after the other in an order
// that respects the dependencies.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "driver/state.h"

namespace cudasim::driver {

struct GraphNode {
    NodeKind kind;
    Operation operation; // empty for an empty node
    std::vector<std::size_t> after;
};

struct Graph {
    std::vector<std::unique_ptr<GraphNode>> nodes;
};

// Appends a node behind the tail of a capturing stream. Under state_mutex.
void add_captured(Stream& stream, NodeKind kind, Operation operation);

} // namespace cudasim::driver
