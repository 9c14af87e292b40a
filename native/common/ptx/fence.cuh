// SPDX-License-Identifier: MIT
// Fences between proxies, for barrier initialisation and between threads, and programmatic launch.
#pragma once

#include "common/device.cuh"

namespace di::ptx {

// fence.proxy.async (PTX 8.0, sm_90): orders this thread's earlier generic accesses, and what it
// has seen, before later accesses of the async proxy (TMA, wgmma).
DI_DEVICE void fence_proxy_async() {
#ifdef DEEPINFRA_SIM
    di_sim_fence_proxy_async(0);
#else
    asm volatile("fence.proxy.async;" ::: "memory");
#endif
}

// The same for shared memory only.
DI_DEVICE void fence_proxy_async_shared() {
#ifdef DEEPINFRA_SIM
    di_sim_fence_proxy_async(1);
#else
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
}

// fence.proxy.tensormap::generic (PTX 8.3, sm_90): a tensor map in global memory that a thread has
// written is complete for copies through it where the writer releases it, and the thread that
// issues the copies acquires it.
DI_DEVICE void fence_proxy_tensormap_release_gpu() {
#ifdef DEEPINFRA_SIM
    di_sim_fence_tensormap(DI_SIM_RELEASE, DI_SIM_GPU, nullptr);
#else
    asm volatile("fence.proxy.tensormap::generic.release.gpu;" ::: "memory");
#endif
}
DI_DEVICE void fence_proxy_tensormap_acquire_gpu(const void* map) {
#ifdef DEEPINFRA_SIM
    di_sim_fence_tensormap(DI_SIM_ACQUIRE, DI_SIM_GPU, map);
#else
    asm volatile("fence.proxy.tensormap::generic.acquire.gpu [%0], 128;" ::"l"(map) : "memory");
#endif
}

// fence.mbarrier_init.release.cluster (PTX 8.0, sm_90): makes this thread's mbarrier.init visible
// to the async proxy and to the cluster.
DI_DEVICE void fence_mbarrier_init() {
#ifdef DEEPINFRA_SIM
    di_sim_fence_mbarrier_init();
#else
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
#endif
}

// fence.acq_rel at a scope (PTX 6.0, sm_70)
DI_DEVICE void fence_acq_rel_cta() {
#ifdef DEEPINFRA_SIM
    di_sim_fence(DI_SIM_ACQ_REL, DI_SIM_CTA);
#else
    asm volatile("fence.acq_rel.cta;" ::: "memory");
#endif
}
DI_DEVICE void fence_acq_rel_gpu() {
#ifdef DEEPINFRA_SIM
    di_sim_fence(DI_SIM_ACQ_REL, DI_SIM_GPU);
#else
    asm volatile("fence.acq_rel.gpu;" ::: "memory");
#endif
}
DI_DEVICE void fence_acq_rel_sys() {
#ifdef DEEPINFRA_SIM
    di_sim_fence(DI_SIM_ACQ_REL, DI_SIM_SYS);
#else
    asm volatile("fence.acq_rel.sys;" ::: "memory");
#endif
}

// griddepcontrol.wait (PTX 7.8, sm_90): until the grids that this one depends on are complete and
// visible.
DI_DEVICE void griddepcontrol_wait() {
#ifdef DEEPINFRA_SIM
    di_sim_griddepcontrol_wait();
#else
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// griddepcontrol.launch_dependents: the dependent grid may start.
DI_DEVICE void griddepcontrol_launch_dependents() {
#ifdef DEEPINFRA_SIM
    di_sim_griddepcontrol_launch_dependents();
#else
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

} // namespace di::ptx
