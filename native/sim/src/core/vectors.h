// SPDX-License-Identifier: MIT
// Functions that the compiler makes once per vector width; the widest that the processor has runs.
#pragma once

#if defined(__x86_64__)
#define CUDASIM_VECTORS                                                                            \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CUDASIM_VECTORS
#endif
