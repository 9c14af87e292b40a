// SPDX-License-Identifier: MIT
// Functions that the compiler makes once per vector width; the widest that the processor has runs,
// or the one that DEEPINFRA_CUDASIM_ISA names.
#pragma once

namespace cudasim {

enum class VectorIsa { Baseline, Avx2, Avx512 };

// What runs in this process: chosen once, when the library is loaded.
VectorIsa vector_isa();
// "x86-64", "avx2", "avx512", or "baseline" on another processor.
const char* vector_isa_name();

} // namespace cudasim

// Defines result name(parameters) by name_body(arguments), an always_inline function.
#if defined(__x86_64__)
#define CUDASIM_VECTORS(result, name, parameters, arguments)                                       \
    namespace {                                                                                    \
    __attribute__((target("arch=x86-64-v4"))) result name##_avx512 parameters {                    \
        return name##_body arguments;                                                              \
    }                                                                                              \
    __attribute__((target("arch=x86-64-v3"))) result name##_avx2 parameters {                      \
        return name##_body arguments;                                                              \
    }                                                                                              \
    result name##_baseline parameters { return name##_body arguments; }                            \
    result(*const name##_chosen) parameters = vector_isa() == VectorIsa::Avx512 ? name##_avx512    \
                                              : vector_isa() == VectorIsa::Avx2 ? name##_avx2      \
                                                                                : name##_baseline; \
    }                                                                                              \
    result name parameters { return name##_chosen arguments; }
#else
#define CUDASIM_VECTORS(result, name, parameters, arguments)                                       \
    result name parameters { return name##_body arguments; }
#endif
