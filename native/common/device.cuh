// SPDX-License-Identifier: MIT
// What every kernel source includes first: integer types without standard headers (NVRTC has none),
// the function qualifiers, and shared memory as one struct. Builds with nvcc, NVRTC and, for the
// simulator, with the host compiler.
#pragma once

#if defined(__CUDACC_RTC__) || defined(DEEPINFRA_SIM)
using int8_t = signed char;
using uint8_t = unsigned char;
using int16_t = short;
using uint16_t = unsigned short;
using int32_t = int;
using uint32_t = unsigned int;
#if defined(DEEPINFRA_SIM)
using int64_t = long;
using uint64_t = unsigned long;
#else
using int64_t = long long;
using uint64_t = unsigned long long;
#endif
using size_t = decltype(sizeof(0));
#else
#include <cstddef>
#include <cstdint>
#endif

#if !defined(__CUDACC__) && !defined(DEEPINFRA_SIM)
#error "device code is compiled by nvcc, NVRTC or for the simulator"
#endif
#define DI_DEVICE __device__ __forceinline__

namespace di {

// All of a block's dynamic shared memory as one struct, aligned to what the struct asks for (at
// most 1,024 bytes). The only way to shared memory.
template <typename Storage> DI_DEVICE Storage& dynamic_shared() {
    static_assert(alignof(Storage) <= 1024, "shared memory starts at a multiple of 1,024 bytes");
#if defined(__CUDACC__)
    extern __shared__ __align__(1024) unsigned char di_dynamic_shared_memory[];
    return *reinterpret_cast<Storage*>(di_dynamic_shared_memory);
#else
    return *static_cast<Storage*>(di_sim_dynamic_shared(sizeof(Storage), alignof(Storage)));
#endif
}

} // namespace di
