// SPDX-License-Identifier: MIT
// The copy kernels as the simulator's tests see them.
#include "core/kernels/copy.cu"

DI_SIM_KERNEL(core_copy_8, 256, di::core::di_core_copy_8);
DI_SIM_KERNEL(core_copy_16, 256, di::core::di_core_copy_16);
DI_SIM_KERNEL(core_copy_32, 256, di::core::di_core_copy_32);
DI_SIM_KERNEL(core_copy_64, 256, di::core::di_core_copy_64);
DI_SIM_KERNEL(core_copy_128, 256, di::core::di_core_copy_128);
DI_SIM_KERNEL(core_transpose_8, 256, di::core::di_core_transpose_8);
DI_SIM_KERNEL(core_transpose_16, 256, di::core::di_core_transpose_16);
DI_SIM_KERNEL(core_transpose_32, 256, di::core::di_core_transpose_32);
DI_SIM_KERNEL(core_transpose_64, 256, di::core::di_core_transpose_64);
