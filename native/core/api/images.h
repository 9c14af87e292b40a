// SPDX-License-Identifier: MIT
// The compiled kernel sources inside this library; defined by the build.
#pragma once

#include "common/host/kernel.h"

namespace di::core::images {

extern const KernelImage fill;
extern const KernelImage copy;
extern const KernelImage cast;
extern const KernelImage quantize;
extern const KernelImage compare;

} // namespace di::core::images
