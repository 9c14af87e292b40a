// SPDX-License-Identifier: MIT
#include "flashmla/smxx/smxx_bf16_mla_decode.cuh"
