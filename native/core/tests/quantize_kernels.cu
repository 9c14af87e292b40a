// SPDX-License-Identifier: MIT
// The quantisation kernels as the simulator's tests see them.
#include "core/kernels/quantize.cu"

DI_SIM_KERNEL(core_quantize_per_token, 256, di::core::di_core_quantize_per_token);
DI_SIM_KERNEL(core_quantize_per_block, 256, di::core::di_core_quantize_per_block);
DI_SIM_KERNEL(core_quantize_per_channel, 256, di::core::di_core_quantize_per_channel);
DI_SIM_KERNEL(core_dequantize, 256, di::core::di_core_dequantize);
