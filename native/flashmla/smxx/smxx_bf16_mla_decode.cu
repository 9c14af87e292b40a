// SPDX-License-Identifier: MIT
// Decode over caches of bf16, with one and two stages of keys.
#include "flashmla/smxx/mla_decode.cuh"

namespace di::flashmla {

#define DI_MLA_DECODE(name, config)                                                                \
    extern "C" __global__ void __launch_bounds__(config::kThreads)                                 \
        name(const __grid_constant__ MlaDecodeParams params) {                                     \
        decode_part<config>(params);                                                               \
    }
DI_MLA_DECODE(di_flashmla_bf16_d576_decode, MlaBf16D576Stages1)
DI_MLA_DECODE(di_flashmla_bf16_d576_decode_2, MlaBf16D576Stages2)
DI_MLA_DECODE(di_flashmla_bf16_d512_decode, MlaBf16D512Stages1)
DI_MLA_DECODE(di_flashmla_bf16_d512_decode_2, MlaBf16D512Stages2)
#undef DI_MLA_DECODE

} // namespace di::flashmla
