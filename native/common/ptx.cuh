// SPDX-License-Identifier: MIT
// Every PTX instruction that kernels use, one function each.
#pragma once

#include "common/ptx/address.cuh"
#include "common/ptx/barrier.cuh"
#include "common/ptx/bulk.cuh"
#include "common/ptx/cluster.cuh"
#include "common/ptx/cp_async.cuh"
#include "common/ptx/fence.cuh"
#include "common/ptx/ld_st.cuh"
#include "common/ptx/matrix.cuh"
#include "common/ptx/mbarrier.cuh"
#include "common/ptx/tma.cuh"
#include "common/ptx/warp.cuh"
#include "common/ptx/wgmma.cuh"
