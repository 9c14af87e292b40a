// SPDX-License-Identifier: MIT
// What the host compiler needs to compile device code: CUDA's keywords, built-in variables and the
// built-in functions that kernels here use. Included before everything else (-include).
#pragma once

#include "deepinfra_sim/runtime.h"

#define DEEPINFRA_SIM 1
#ifndef __CUDA_ARCH__
#define __CUDA_ARCH__ 900
#endif
#define __CUDA_ARCH_FEAT_SM90_ALL 1

#define __global__ __attribute__((visibility("hidden"))) DI_SIM_GLOBAL_MARK
#ifndef DI_SIM_GLOBAL_MARK
#define DI_SIM_GLOBAL_MARK
#endif
#define __device__
#define __host__
#define __constant__ const
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __cluster_dims__(...)
#define __grid_constant__
#define __align__(n) alignas(n)
// Static shared arrays and mutable device globals do not exist here: use dynamic_shared<Storage>().
#define __shared__ DI_SIM_static_shared_memory_is_not_supported
#define __managed__ DI_SIM_managed_memory_is_not_supported

typedef unsigned char di_sim_u8;
#include "deepinfra_sim/vector_types.h"

#define threadIdx di_sim_thread_idx()
#define blockIdx di_sim_block_idx()
#define blockDim di_sim_block_dim()
#define gridDim di_sim_grid_dim()
#define warpSize 32

#include "deepinfra_sim/builtins.h"

// How a launch calls a kernel: parameters come as pointers, as in cuLaunchKernel.
namespace di_sim_detail {
template <typename T> struct bare { typedef T type; };
template <typename T> struct bare<T&>; // references cannot be kernel parameters
template <typename T> struct bare<const T> { typedef T type; };

template <unsigned... I> struct indices {};
template <unsigned N, unsigned... I> struct make_indices : make_indices<N - 1, N - 1, I...> {};
template <unsigned... I> struct make_indices<0, I...> { typedef indices<I...> type; };

template <auto F> struct kernel;
template <typename... A, void (*F)(A...)> struct kernel<F> {
    static constexpr unsigned count = sizeof...(A);
    static constexpr unsigned sizes[sizeof...(A) + 1] = {sizeof(typename bare<A>::type)..., 0};
    // Reads the parameters from the host's memory, which device code itself must not do: hence
    // without instrumentation, and with a call that the compiler cannot see through.
    __attribute__((no_sanitize("thread"))) static void call(void** p) {
        expand(p, typename make_indices<sizeof...(A)>::type{});
    }
    template <unsigned... I>
    __attribute__((no_sanitize("thread"))) static void expand(void** p, indices<I...>) {
        (void)p;
        void (*volatile f)(A...) = F;
        f(*static_cast<const typename bare<A>::type*>(p[I])...);
    }
};
} // namespace di_sim_detail

// Makes a kernel of this translation unit visible to cuModuleGetFunction under a C name.
#define DI_SIM_KERNEL(c_name, threads, ...)                                                        \
    extern "C" {                                                                                   \
    __attribute__((visibility("default"),                                                          \
                   used)) extern const di_sim_kernel_info di_sim_kernel_##c_name;                  \
    const di_sim_kernel_info di_sim_kernel_##c_name = {                                            \
        &di_sim_detail::kernel<&__VA_ARGS__>::call, di_sim_detail::kernel<&__VA_ARGS__>::sizes,    \
        di_sim_detail::kernel<&__VA_ARGS__>::count, threads, #__VA_ARGS__};                        \
    }                                                                                              \
    static_assert(true, "")
