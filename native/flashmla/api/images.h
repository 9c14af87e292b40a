// SPDX-License-Identifier: MIT
// The compiled kernel sources inside this library; defined by the build.
#pragma once

#include "common/host/kernel.h"

namespace di::flashmla::images {

extern const KernelImage smxx_bf16_mla_decode;
extern const KernelImage smxx_fp8_mla_decode;
extern const KernelImage smxx_mla_append;
extern const KernelImage smxx_mla_combine;

} // namespace di::flashmla::images
