// SPDX-License-Identifier: MIT
// Runs of shadow cells. Most accesses of more than a few bytes meet cells that are all the same.
#pragma once

#include <cstddef>

#include "memory/shadow.h"

namespace cudasim {

// How many of n cells, from the beginning, equal the first. Other host threads may store into them
// meanwhile: each half of a cell is read as a whole.
std::size_t equal_cells(const Cell* cells, std::size_t n);

// All n cells become this one. Only for memory that no other host thread uses.
void fill_cells(Cell* cells, std::size_t n, Cell value);

} // namespace cudasim
