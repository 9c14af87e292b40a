// SPDX-License-Identifier: MIT
// Which kernels ran to their end without a report: the evidence behind a ledger of verified
// kernels.
#pragma once

#include <cstdint>

namespace cudasim {

// Appends "<seed><tab><kernel>" to the file that DEEPINFRA_CUDASIM_LAUNCHES names, once per kernel
// and seed, for at most 64 seeds of a kernel. Does nothing where the variable is not set.
void log_launch(const char* kernel, std::uint64_t seed);

} // namespace cudasim
