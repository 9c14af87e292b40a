// SPDX-License-Identifier: MIT
// What processor and operating system can run.
#pragma once

namespace di::gemm_cpu {

// AVX-512 F, BW, DQ, VL and BF16, with the state of all registers kept by the operating system.
bool has_avx512_bf16() noexcept;

} // namespace di::gemm_cpu
