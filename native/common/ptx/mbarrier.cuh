// SPDX-License-Identifier: MIT
// mbarrier objects: 8 bytes of shared memory, addressed by shared address (PTX 8.0, sm_90 for
// transaction counts). A phase ends when all arrivals and all announced bytes have come.
#pragma once

#include "common/device.cuh"

namespace di::ptx {

DI_DEVICE void mbarrier_init(uint32_t barrier, uint32_t arrivals) {
#ifdef DEEPINFRA_SIM
    di_sim_mbarrier_init(barrier, arrivals);
#else
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals)
                 : "memory");
#endif
}

DI_DEVICE void mbarrier_inval(uint32_t barrier) {
#ifdef DEEPINFRA_SIM
    di_sim_mbarrier_inval(barrier);
#else
    asm volatile("mbarrier.inval.shared::cta.b64 [%0];" ::"r"(barrier) : "memory");
#endif
}

// mbarrier.arrive.release.cta: releases what this thread has done.
DI_DEVICE void mbarrier_arrive(uint32_t barrier) {
#ifdef DEEPINFRA_SIM
    di_sim_mbarrier_arrive(barrier, 1, DI_SIM_SHARED_CTA, DI_SIM_CTA, DI_SIM_RELEASE);
#else
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
#endif
}

// mbarrier.arrive.release.cluster on a barrier of another block, addressed by mapa.
DI_DEVICE void mbarrier_arrive_cluster(uint32_t barrier) {
#ifdef DEEPINFRA_SIM
    di_sim_mbarrier_arrive(barrier, 1, DI_SIM_SHARED_CLUSTER, DI_SIM_CLUSTER, DI_SIM_RELEASE);
#else
    asm volatile("mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%0];" ::"r"(barrier)
                 : "memory");
#endif
}

// The same arrival, and the state that a wait for the end of this phase takes.
DI_DEVICE uint64_t mbarrier_arrive_state(uint32_t barrier) {
#ifdef DEEPINFRA_SIM
    return di_sim_mbarrier_arrive(barrier, 1, DI_SIM_SHARED_CTA, DI_SIM_CTA, DI_SIM_RELEASE);
#else
    uint64_t state;
    asm volatile("mbarrier.arrive.shared::cta.b64 %0, [%1];"
                 : "=l"(state)
                 : "r"(barrier)
                 : "memory");
    return state;
#endif
}

// Announces bytes of asynchronous copies and arrives.
DI_DEVICE void mbarrier_arrive_expect_tx(uint32_t barrier, uint32_t bytes) {
#ifdef DEEPINFRA_SIM
    di_sim_mbarrier_arrive_expect_tx(barrier, bytes, DI_SIM_SHARED_CTA, DI_SIM_CTA, DI_SIM_RELEASE);
#else
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
                 : "memory");
#endif
}

// The same on a barrier of another block, addressed by mapa.
DI_DEVICE void mbarrier_arrive_expect_tx_cluster(uint32_t barrier, uint32_t bytes) {
#ifdef DEEPINFRA_SIM
    di_sim_mbarrier_arrive_expect_tx(barrier, bytes, DI_SIM_SHARED_CLUSTER, DI_SIM_CLUSTER,
                                     DI_SIM_RELEASE);
#else
    asm volatile(
        "mbarrier.arrive.expect_tx.release.cluster.shared::cluster.b64 _, [%0], %1;" ::"r"(barrier),
        "r"(bytes)
        : "memory");
#endif
}

// Announces bytes without arriving.
DI_DEVICE void mbarrier_expect_tx(uint32_t barrier, uint32_t bytes) {
#ifdef DEEPINFRA_SIM
    di_sim_mbarrier_expect_tx(barrier, bytes, DI_SIM_SHARED_CTA);
#else
    asm volatile("mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%0], %1;" ::"r"(barrier),
                 "r"(bytes)
                 : "memory");
#endif
}

// mbarrier.complete_tx: counts bytes as copied without a copy, here and in other blocks.
DI_DEVICE void mbarrier_complete_tx(uint32_t barrier, uint32_t bytes) {
#ifdef DEEPINFRA_SIM
    di_sim_mbarrier_complete_tx(barrier, bytes, DI_SIM_SHARED_CTA);
#else
    asm volatile("mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%0], %1;" ::"r"(barrier),
                 "r"(bytes)
                 : "memory");
#endif
}

DI_DEVICE void mbarrier_complete_tx_cluster(uint32_t barrier, uint32_t bytes) {
#ifdef DEEPINFRA_SIM
    di_sim_mbarrier_complete_tx(barrier, bytes, DI_SIM_SHARED_CLUSTER);
#else
    asm volatile(
        "mbarrier.complete_tx.relaxed.cluster.shared::cluster.b64 [%0], %1;" ::"r"(barrier),
        "r"(bytes)
        : "memory");
#endif
}

// mbarrier.test_wait: true once the phase of the state is complete.
DI_DEVICE bool mbarrier_test_wait(uint32_t barrier, uint64_t state) {
#ifdef DEEPINFRA_SIM
    return di_sim_mbarrier_test(barrier, state, DI_SIM_CTA, DI_SIM_ACQUIRE, 0) != 0;
#else
    uint32_t done;
    asm volatile("{\n"
                 ".reg .pred p;\n"
                 "mbarrier.test_wait.shared::cta.b64 p, [%1], %2;\n"
                 "selp.u32 %0, 1, 0, p;\n"
                 "}"
                 : "=r"(done)
                 : "r"(barrier), "l"(state)
                 : "memory");
    return done != 0;
#endif
}

// mbarrier.try_wait: the same, which may suspend for a while.
DI_DEVICE bool mbarrier_try_wait(uint32_t barrier, uint64_t state) {
#ifdef DEEPINFRA_SIM
    return di_sim_mbarrier_test(barrier, state, DI_SIM_CTA, DI_SIM_ACQUIRE, 1) != 0;
#else
    uint32_t done;
    asm volatile("{\n"
                 ".reg .pred p;\n"
                 "mbarrier.try_wait.shared::cta.b64 p, [%1], %2;\n"
                 "selp.u32 %0, 1, 0, p;\n"
                 "}"
                 : "=r"(done)
                 : "r"(barrier), "l"(state)
                 : "memory");
    return done != 0;
#endif
}

// mbarrier.try_wait.parity.acquire.cta: true once the phase of this parity is complete; may suspend
// for a while. Acquires copies that completed on the barrier, and what threads of this block
// released; arrivals of other blocks need the scope of the cluster.
DI_DEVICE bool mbarrier_try_wait_parity(uint32_t barrier, uint32_t parity) {
#ifdef DEEPINFRA_SIM
    return di_sim_mbarrier_test_parity(barrier, parity, DI_SIM_CTA, DI_SIM_ACQUIRE, 1) != 0;
#else
    uint32_t done;
    asm volatile("{\n"
                 ".reg .pred p;\n"
                 "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
                 "selp.u32 %0, 1, 0, p;\n"
                 "}"
                 : "=r"(done)
                 : "r"(barrier), "r"(parity)
                 : "memory");
    return done != 0;
#endif
}

// mbarrier.try_wait.parity.acquire.cluster: the same for what threads of the whole cluster released
// (PTX 8.0).
DI_DEVICE bool mbarrier_try_wait_parity_cluster(uint32_t barrier, uint32_t parity) {
#ifdef DEEPINFRA_SIM
    return di_sim_mbarrier_test_parity(barrier, parity, DI_SIM_CLUSTER, DI_SIM_ACQUIRE, 1) != 0;
#else
    uint32_t done;
    asm volatile("{\n"
                 ".reg .pred p;\n"
                 "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%1], %2;\n"
                 "selp.u32 %0, 1, 0, p;\n"
                 "}"
                 : "=r"(done)
                 : "r"(barrier), "r"(parity)
                 : "memory");
    return done != 0;
#endif
}

// mbarrier.test_wait.parity.acquire.cta: without suspending.
DI_DEVICE bool mbarrier_test_wait_parity(uint32_t barrier, uint32_t parity) {
#ifdef DEEPINFRA_SIM
    return di_sim_mbarrier_test_parity(barrier, parity, DI_SIM_CTA, DI_SIM_ACQUIRE, 0) != 0;
#else
    uint32_t done;
    asm volatile("{\n"
                 ".reg .pred p;\n"
                 "mbarrier.test_wait.parity.shared::cta.b64 p, [%1], %2;\n"
                 "selp.u32 %0, 1, 0, p;\n"
                 "}"
                 : "=r"(done)
                 : "r"(barrier), "r"(parity)
                 : "memory");
    return done != 0;
#endif
}

// Waits until the phase of this parity is complete.
DI_DEVICE void mbarrier_wait_parity(uint32_t barrier, uint32_t parity) {
    while (!mbarrier_try_wait_parity(barrier, parity)) {
    }
}

// The same where threads of other blocks of the cluster arrive.
DI_DEVICE void mbarrier_wait_parity_cluster(uint32_t barrier, uint32_t parity) {
    while (!mbarrier_try_wait_parity_cluster(barrier, parity)) {
    }
}

} // namespace di::ptx
