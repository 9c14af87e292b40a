// SPDX-License-Identifier: MIT
// Kernels of collective_test.cpp.
#include "common/ptx.cuh"

using namespace di;
using namespace di::ptx;

extern "C" {
// The lanes of a mask reduce or match their numbers; which: 0 to 5 unsigned add, min, max, and, or,
// xor, 6 to 8 signed add, min, max, 9 match.any and 10 match.all of 32 bits, 11 and 12 of 64.
__global__ void warp_values(const unsigned long long* in, unsigned long long* out, unsigned mask,
                            int which) {
    unsigned long long wide = in[threadIdx.x];
    auto value = static_cast<unsigned>(wide);
    int sign = static_cast<int>(value), all = -1;
    unsigned result = 0;
    if ((mask >> threadIdx.x % 32 & 1) == 0)
        return;
    switch (which) {
    case 0:
        result = __reduce_add_sync(mask, value);
        break;
    case 1:
        result = __reduce_min_sync(mask, value);
        break;
    case 2:
        result = __reduce_max_sync(mask, value);
        break;
    case 3:
        result = __reduce_and_sync(mask, value);
        break;
    case 4:
        result = __reduce_or_sync(mask, value);
        break;
    case 5:
        result = __reduce_xor_sync(mask, value);
        break;
    case 6:
        result = static_cast<unsigned>(__reduce_add_sync(mask, sign));
        break;
    case 7:
        result = static_cast<unsigned>(__reduce_min_sync(mask, sign));
        break;
    case 8:
        result = static_cast<unsigned>(__reduce_max_sync(mask, sign));
        break;
    case 9:
        result = __match_any_sync(mask, value);
        break;
    case 10:
        result = __match_all_sync(mask, value, &all);
        break;
    case 11:
        result = __match_any_sync(mask, wide);
        break;
    default:
        result = __match_all_sync(mask, wide, &all);
    }
    out[threadIdx.x] = result | static_cast<unsigned long long>(static_cast<unsigned>(all)) << 32;
}

// Blocks take turns and add up in plain memory; how they wait and pass it on is below.
__global__ void system_turns(uint32_t* turn, uint64_t* wide_turn, uint32_t* plain, int how) {
    if (threadIdx.x != 0)
        return;
    uint32_t mine = blockIdx.x;
    switch (how) {
    case 0: // relaxed, with fences
    case 2:
    case 5: // without
        while (ld_relaxed_sys(turn) != mine) {
        }
        break;
    case 1:
    case 3:
        while (ld_acquire_sys(turn) != mine) {
        }
        break;
    case 4: // too narrow
        while (ld_acquire_cta(turn) != mine) {
        }
        break;
    case 6: // 64 bits
        while (ld_acquire_sys(wide_turn) != mine) {
        }
        break;
    default: // 64 bits, relaxed
        while (ld_relaxed_sys(wide_turn) != mine) {
        }
    }
    if (how == 0 || how == 2 || how == 7)
        fence_acq_rel_sys();
    *plain = *plain * 3 + mine;
    if (how == 0)
        fence_acq_rel_sys();
    switch (how) {
    case 0:
    case 5:
        st_relaxed_sys(turn, mine + 1);
        break;
    case 1:
    case 4:
        st_release_sys(turn, mine + 1);
        break;
    case 2:
        red_add_release_sys(turn, 1);
        break;
    case 3:
        atom_add_acq_rel_sys(turn, 1);
        break;
    default:
        st_release_sys(wide_turn, uint64_t{mine} + 1);
    }
}

// The first warp of a block hands a number to the second, in the scope of the block.
__global__ void block_message(uint32_t* flag, uint32_t* plain, int acquire) {
    if (threadIdx.x == 0) {
        plain[0] = 77;
        st_release_gpu(flag, 1);
    }
    if (threadIdx.x == 32) {
        if (acquire != 0)
            while (ld_acquire_cta(flag) == 0) {
            }
        else
            while (ld_relaxed_gpu(flag) == 0) {
            }
        plain[1] = plain[0] + 1;
    }
}
}
DI_SIM_KERNEL(warp_values, 0, warp_values);
DI_SIM_KERNEL(system_turns, 0, system_turns);
DI_SIM_KERNEL(block_message, 0, block_message);
