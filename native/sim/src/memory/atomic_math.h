// SPDX-License-Identifier: MIT
// Atomic operations on real memory, for all element types.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cudasim {

std::size_t atomic_bytes(int type);
// One step of an operation on values held in the low bits; used by atomics and by reductions of
// copies.
std::uint64_t combine(int op, int type, std::uint64_t old, std::uint64_t value,
                      std::uint64_t compare);
std::uint64_t atomic_apply(int op, int type, void* p, std::uint64_t value, std::uint64_t compare);
std::uint64_t atomic_load(const void* p, std::size_t bytes);
void atomic_store(void* p, std::size_t bytes, std::uint64_t value);

} // namespace cudasim
