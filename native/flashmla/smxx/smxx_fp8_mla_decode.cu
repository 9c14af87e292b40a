// SPDX-License-Identifier: MIT
// Decode over quantised caches: 656 and 584 bytes per token.
#include "flashmla/smxx/mla_decode.cuh"

namespace di::flashmla {

#define DI_MLA_DECODE(name, config)                                                                \
    extern "C" __global__ void __launch_bounds__(config::kThreads)                                 \
        name(const __grid_constant__ MlaDecodeParams params) {                                     \
        decode_part<config>(params);                                                               \
    }
DI_MLA_DECODE(di_flashmla_fp8_v32_decode, MlaFp8V32)
DI_MLA_DECODE(di_flashmla_fp8_model1_decode, MlaFp8Model1)
#undef DI_MLA_DECODE

} // namespace di::flashmla
