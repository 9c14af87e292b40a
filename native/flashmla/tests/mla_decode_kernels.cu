// SPDX-License-Identifier: MIT
// The decode kernel as the simulator's tests see it.
#include "flashmla/smxx/smxx_bf16_mla_decode.cuh"

DI_SIM_KERNEL(mla_decode, 256, di::flashmla::di_flashmla_bf16_decode);
