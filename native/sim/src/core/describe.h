// SPDX-License-Identifier: MIT
// What every thread waits for, in words.
#pragma once

#include <string>

#include "core/worker.h"

namespace cudasim {

std::string describe_waits(const Worker& worker, const char* why);

} // namespace cudasim
