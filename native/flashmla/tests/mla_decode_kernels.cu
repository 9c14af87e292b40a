// SPDX-License-Identifier: MIT
// The decode kernels as the simulator's tests see them.
#include "flashmla/smxx/smxx_bf16_mla_decode.cu"
#include "flashmla/smxx/smxx_fp8_mla_decode.cu"
#include "flashmla/smxx/smxx_mla_combine.cu"

DI_SIM_KERNEL(mla_bf16_d576, 256, di::flashmla::di_flashmla_bf16_d576_decode);
DI_SIM_KERNEL(mla_bf16_d576_2, 256, di::flashmla::di_flashmla_bf16_d576_decode_2);
DI_SIM_KERNEL(mla_bf16_d512, 256, di::flashmla::di_flashmla_bf16_d512_decode);
DI_SIM_KERNEL(mla_bf16_d512_2, 256, di::flashmla::di_flashmla_bf16_d512_decode_2);
DI_SIM_KERNEL(mla_fp8_v32, 256, di::flashmla::di_flashmla_fp8_v32_decode);
DI_SIM_KERNEL(mla_fp8_model1, 256, di::flashmla::di_flashmla_fp8_model1_decode);
DI_SIM_KERNEL(mla_combine, 256, di::flashmla::di_flashmla_combine);
