// SPDX-License-Identifier: MIT
// Non-bulk asynchronous copies from global to shared memory (PTX 7.0, sm_80). Generic proxy: an
// async proxy fence is needed before wgmma reads what they wrote.
#pragma once

#include "common/device.cuh"

namespace di::ptx {

// cp.async.cg of 16 bytes; bytes beyond source_bytes become zero.
DI_DEVICE void cp_async_16(uint32_t destination, const void* source, uint32_t source_bytes = 16) {
#ifdef DEEPINFRA_SIM
    di_sim_cp_async(destination, source, 16, source_bytes);
#else
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(destination), "l"(source),
                 "r"(source_bytes)
                 : "memory");
#endif
}

// cp.async.ca of 4 bytes; source_bytes is 0 or 4.
DI_DEVICE void cp_async_4(uint32_t destination, const void* source, uint32_t source_bytes = 4) {
#ifdef DEEPINFRA_SIM
    di_sim_cp_async(destination, source, 4, source_bytes);
#else
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(destination), "l"(source),
                 "r"(source_bytes)
                 : "memory");
#endif
}

// cp.async.commit_group
DI_DEVICE void cp_async_commit() {
#ifdef DEEPINFRA_SIM
    di_sim_cp_async_commit();
#else
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// cp.async.wait_group: at most kPending of this thread's groups are still in flight afterwards.
template <int kPending> DI_DEVICE void cp_async_wait() {
#ifdef DEEPINFRA_SIM
    di_sim_cp_async_wait(kPending);
#else
    asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#endif
}

// cp.async.mbarrier.arrive.noinc: arrives when this thread's earlier copies are done; the arrival
// is one of those that the barrier was initialised to expect.
DI_DEVICE void cp_async_mbarrier_arrive_noinc(uint32_t barrier) {
#ifdef DEEPINFRA_SIM
    di_sim_cp_async_mbarrier_arrive(barrier, 1);
#else
    asm volatile("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" ::"r"(barrier) : "memory");
#endif
}

} // namespace di::ptx
