// SPDX-License-Identifier: MIT
#include "core/vectors.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace cudasim {

namespace {

#if defined(__x86_64__)
constexpr const char* kNames[] = {"x86-64", "avx2", "avx512"};

VectorIsa widest() {
    __builtin_cpu_init();
    return __builtin_cpu_supports("x86-64-v4")   ? VectorIsa::Avx512
           : __builtin_cpu_supports("x86-64-v3") ? VectorIsa::Avx2
                                                 : VectorIsa::Baseline;
}
#else
constexpr const char* kNames[] = {"baseline"};

VectorIsa widest() { return VectorIsa::Baseline; }
#endif

VectorIsa choose() {
    const VectorIsa all = widest();
    const char* text = std::getenv("DEEPINFRA_CUDASIM_ISA");
    if (text == nullptr || text[0] == 0)
        return all;
    for (int i = 0; i <= static_cast<int>(all); ++i)
        if (std::strcmp(text, kNames[i]) == 0)
            return static_cast<VectorIsa>(i);
    // A library that is being loaded has nobody to tell but the user.
    std::fprintf(stderr, "cudasim: DEEPINFRA_CUDASIM_ISA=%s is ignored: this processor has", text);
    for (int i = 0; i <= static_cast<int>(all); ++i)
        std::fprintf(stderr, " %s", kNames[i]);
    std::fprintf(stderr, "\n");
    return all;
}

} // namespace

VectorIsa vector_isa() {
    static const VectorIsa chosen = choose();
    return chosen;
}

const char* vector_isa_name() { return kNames[static_cast<int>(vector_isa())]; }

} // namespace cudasim
