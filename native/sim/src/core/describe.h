// SPDX-License-Identifier: MIT
// What every thread waits for, in words.
#pragma once

#include <string>

#include "core/worker.h"

namespace cudasim {

std::string describe_waits(const Worker& worker, const char* why);
// Where the lanes of a warp are, a line (which starts with a line break) for those that are
// together.
std::string describe_lanes(const Warp& warp);

} // namespace cudasim
