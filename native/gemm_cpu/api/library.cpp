// SPDX-License-Identifier: MIT
// Handshake, error record and kernels of libdeepinfra_gemm_cpu.
#include <cstddef>

#include "build_info.h"
#include "common/host/error.h"
#include "common/host/params.h"
#include "deepinfra/gemm_cpu.h"
#include "gemm_cpu/api/features.h"
#include "gemm_cpu/kernels/bf16.h"

namespace {

using namespace di::gemm_cpu;

#include "gemm_cpu/api/gemm_cpu_abi_layout.inc"

uint32_t find_kernels() {
    uint32_t kernels = 0;
    if (multiply_bf16 != nullptr && has_avx512_bf16())
        kernels |= DI_GEMM_CPU_KERNEL_BF16;
    return kernels;
}

void require(bool condition, const char* expected) {
    if (!condition)
        throw di::Error(DI_STATUS_INVALID_ARGUMENT, di::join("expected ", expected));
}

// 64-byte aligned, and not null.
void require_aligned(const void* pointer, const char* name) {
    if (pointer == nullptr || reinterpret_cast<uintptr_t>(pointer) % 64 != 0)
        throw di::Error(DI_STATUS_INVALID_ARGUMENT,
                        di::join(name, ": expected a multiple of 64 bytes"));
}

} // namespace

uint32_t di_gemm_cpu_abi_version(void) { return DI_GEMM_CPU_ABI_VERSION; }

const char* di_gemm_cpu_build_info(void) { return DEEPINFRA_BUILD_INFO; }

const di_abi_field* di_gemm_cpu_abi_layout(int32_t* count) {
    if (count != nullptr)
        *count = static_cast<int32_t>(sizeof gemm_cpu_abi_layout / sizeof *gemm_cpu_abi_layout);
    return gemm_cpu_abi_layout;
}

di_status di_gemm_cpu_last_error(di_error_info* out) { return di::read_error(out); }

uint32_t di_gemm_cpu_kernels(void) {
    static const uint32_t kernels = find_kernels();
    return kernels;
}

di_status di_gemm_cpu_multiply_bf16(const uint16_t* a, const uint16_t* b, const float* scale_a,
                                    const float* scale_b, float* tiles,
                                    const di_gemm_cpu_bf16_params* params) {
    return di::guarded([&] {
        const auto p = di::read_params(params, "params");
        require_aligned(a, "a");
        require_aligned(b, "b");
        require(scale_a != nullptr, "scale_a: an address");
        require_aligned(scale_b, "scale_b");
        require_aligned(tiles, "tiles");
        require(p.row_panels >= 1, "row_panels: at least 1");
        require(p.rows >= p.row_panels && p.rows <= int64_t{p.row_panels} * kMaxRows,
                "rows: 1 to 14 for each row panel");
        require(p.row_major <= 1, "row_major: 0 or 1");
        require(p.overwrite <= 1, "overwrite: 0 or 1");
        require(p.depth >= 1 && p.depth <= kDepth, "depth: 1 to 128");
        require(p.step >= 1 && (p.step % 2 == 0 || p.step >= p.depth),
                "step: an even number, or one not below depth");
        // One step reads the first row of scales only.
        require(p.step >= p.depth || (p.scale_stride_a >= p.rows && p.scale_stride_b >= kColumns &&
                                      p.scale_stride_b % 16 == 0),
                "scale strides: not below the rows, and a multiple of 16 not below 32");
        if ((di_gemm_cpu_kernels() & DI_GEMM_CPU_KERNEL_BF16) == 0)
            throw di::Error(DI_STATUS_NOT_SUPPORTED,
                            "this processor, operating system or build has no AVX512-BF16");
        multiply_bf16({reinterpret_cast<const uint32_t*>(a), reinterpret_cast<const uint32_t*>(b),
                       scale_a, scale_b, tiles, p.rows, p.row_panels, p.row_major != 0, p.depth,
                       p.step, p.scale_stride_a, p.scale_stride_b, p.overwrite != 0});
    });
}
