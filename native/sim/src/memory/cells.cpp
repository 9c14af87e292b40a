// SPDX-License-Identifier: MIT
#include "memory/cells.h"

#include <cstdint>
#include <cstring>

#include "core/vectors.h"

namespace cudasim {

namespace {

constexpr std::size_t kLanes = 4; // cells
using Lanes = std::uint64_t __attribute__((vector_size(kLanes * sizeof(Cell))));
static_assert(sizeof(Cell) == 16);

inline __attribute__((always_inline)) Lanes load(const Cell* cells) {
    Lanes v;
    std::memcpy(&v, cells, sizeof v);
    return v;
}

inline __attribute__((always_inline)) std::size_t equal_cells_body(const Cell* cells,
                                                                   std::size_t n) {
    const Cell first = cells[0];
    const Lanes same = {first.write, first.read, first.write, first.read,
                        first.write, first.read, first.write, first.read};
    constexpr std::size_t kStep = 2 * kLanes;
    std::size_t i = 0;
    for (; i + kStep <= n; i += kStep) {
        Lanes different = (load(cells + i) ^ same) | (load(cells + i + kLanes) ^ same);
        std::uint64_t any = 0;
        for (std::size_t k = 0; k < 2 * kLanes; ++k)
            any |= different[k];
        if (any != 0)
            break;
    }
    while (i < n && cells[i].write == first.write && cells[i].read == first.read)
        ++i;
    return i;
}

inline __attribute__((always_inline)) void fill_cells_body(Cell* cells, std::size_t n, Cell value) {
    const Lanes all = {value.write, value.read, value.write, value.read,
                       value.write, value.read, value.write, value.read};
    std::size_t i = 0;
    for (; i + kLanes <= n; i += kLanes)
        std::memcpy(cells + i, &all, sizeof all);
    for (; i < n; ++i)
        cells[i] = value;
}

} // namespace

CUDASIM_VECTORS(std::size_t, equal_cells, (const Cell* cells, std::size_t n), (cells, n))
CUDASIM_VECTORS(void, fill_cells, (Cell * cells, std::size_t n, Cell value), (cells, n, value))

} // namespace cudasim
