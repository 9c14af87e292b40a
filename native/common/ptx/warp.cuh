// SPDX-License-Identifier: MIT
// Warp-level instructions: elect, register budgets.
#pragma once

#include "common/device.cuh"

namespace di::ptx {

// elect.sync over a whole warp (PTX 8.0, sm_90): true in one lane.
DI_DEVICE bool elect_one() {
#ifdef DEEPINFRA_SIM
    return di_sim_elect(0xffffffffu) != 0;
#else
    uint32_t elected;
    asm volatile("{\n"
                 ".reg .pred p;\n"
                 "elect.sync _|p, 0xffffffff;\n"
                 "selp.u32 %0, 1, 0, p;\n"
                 "}"
                 : "=r"(elected));
    return elected != 0;
#endif
}

// %globaltimer: nanoseconds of a clock that all multiprocessors share; on the simulator a count
// that grows with every look at it.
DI_DEVICE uint64_t globaltimer() {
#ifdef DEEPINFRA_SIM
    return di_sim_globaltimer();
#else
    uint64_t time;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(time));
    return time;
#endif
}

// setmaxnreg (PTX 8.0, sm_90a): the registers of each thread of this warpgroup from now on.
template <uint32_t kRegisters> DI_DEVICE void setmaxnreg_inc() {
    static_assert(kRegisters % 8 == 0 && kRegisters >= 24 && kRegisters <= 256);
#ifdef DEEPINFRA_SIM
    di_sim_setmaxnreg(1, kRegisters);
#else
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
#endif
}

template <uint32_t kRegisters> DI_DEVICE void setmaxnreg_dec() {
    static_assert(kRegisters % 8 == 0 && kRegisters >= 24 && kRegisters <= 256);
#ifdef DEEPINFRA_SIM
    di_sim_setmaxnreg(0, kRegisters);
#else
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
#endif
}

} // namespace di::ptx
