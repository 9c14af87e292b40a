// SPDX-License-Identifier: MIT
// The element-wise kernels as the simulator's tests see them.
#include "core/kernels/cast.cu"
#include "core/kernels/compare.cu"
#include "core/kernels/fill.cu"

DI_SIM_KERNEL(core_cast, 256, di::core::di_core_cast);
DI_SIM_KERNEL(core_compare, 256, di::core::di_core_compare);
DI_SIM_KERNEL(core_compare_reset, 256, di::core::di_core_compare_reset);
DI_SIM_KERNEL(core_fill_8, 256, di::core::di_core_fill_8);
DI_SIM_KERNEL(core_fill_16, 256, di::core::di_core_fill_16);
DI_SIM_KERNEL(core_fill_32, 256, di::core::di_core_fill_32);
DI_SIM_KERNEL(core_fill_64, 256, di::core::di_core_fill_64);
DI_SIM_KERNEL(core_fill_bytes16, 256, di::core::di_core_fill_bytes16);
