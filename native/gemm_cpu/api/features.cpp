// SPDX-License-Identifier: MIT
#include "gemm_cpu/api/features.h"

#if defined(__x86_64__)

#include <cpuid.h>

#include <cstdint>

namespace {

// The state that the operating system saves (XCR0); CPUID must have said that XGETBV may be used.
uint64_t saved_state() {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return uint64_t{high} << 32 | low;
}

} // namespace

bool di::gemm_cpu::has_avx512_bf16() noexcept {
    constexpr uint32_t kOsXsave = 1u << 27;
    // F, DQ, BW, VL.
    constexpr uint32_t kAvx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
    constexpr uint32_t kBf16 = 1u << 5;
    // SSE, AVX, mask registers, upper halves of registers 0 to 15, registers 16 to 31.
    constexpr uint64_t kState = 1u << 1 | 1u << 2 | 1u << 5 | 1u << 6 | 1u << 7;
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & kOsXsave) == 0 ||
        (saved_state() & kState) != kState)
        return false;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & kAvx512) != kAvx512 || a < 1)
        return false;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & kBf16) != 0;
}

#else

bool di::gemm_cpu::has_avx512_bf16() noexcept { return false; }

#endif
