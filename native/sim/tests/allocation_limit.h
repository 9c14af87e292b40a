// SPDX-License-Identifier: MIT
// Allocations that fail on demand, those of the library included.
#pragma once

namespace cudasim::test {

enum class Failing { All, One };

// Lets this thread allocate so often and no more, or (Failing::One) lets one allocation fail and
// those after it succeed.
void limit_allocations(long allowed, Failing failing = Failing::All);

// Ends that; whether an allocation has failed since.
bool end_limit();

} // namespace cudasim::test
