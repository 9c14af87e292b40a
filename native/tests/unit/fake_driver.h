// SPDX-License-Identifier: MIT
// A driver without a device: it remembers what it was asked to launch and can be told to fail.
#pragma once

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "common/host/cuda_types.h"
#include "deepinfra/base.h"

namespace di::fake {

struct Launch {
    std::string kernel;
    cuda::LaunchConfig config;
    const void* first_parameter;
};

struct State {
    std::vector<Launch> launches;
    std::map<std::string, int> calls;
    std::map<std::string, cuda::Result> failures; // by entry point
    std::vector<std::string> kernel_names;        // handle of a kernel = index + 1
    const void* loaded = nullptr;
    int32_t shared_bytes = 0;
};

inline State& state() {
    static State state;
    return state;
}

inline cuda::Result enter(const char* entry) {
    state().calls[entry]++;
    const auto failure = state().failures.find(entry);
    return failure == state().failures.end() ? cuda::kSuccess : failure->second;
}

inline cuda::Result get_error_name(cuda::Result error, const char** name) {
    *name = error == cuda::kNoBinaryForGpu ? "CUDA_ERROR_NO_BINARY_FOR_GPU" : "CUDA_ERROR_FAKE";
    return cuda::kSuccess;
}
inline cuda::Result ctx_get_device(cuda::Device* device) {
    *device = 0;
    return enter("cuCtxGetDevice");
}
inline cuda::Result device_get_attribute(int32_t* value, int32_t, cuda::Device) {
    *value = 0;
    return enter("cuDeviceGetAttribute");
}
inline cuda::Result load_data(cuda::Library* library, const void* code, int32_t*, void**, uint32_t,
                              int32_t*, void**, uint32_t) {
    state().loaded = code;
    *library = const_cast<void*>(code);
    return enter("cuLibraryLoadData");
}
inline cuda::Result get_kernel(cuda::Kernel* kernel, cuda::Library, const char* name) {
    state().kernel_names.push_back(name);
    *kernel = reinterpret_cast<void*>(state().kernel_names.size());
    return enter("cuLibraryGetKernel");
}
inline cuda::Result set_attribute(int32_t attribute, int32_t value, cuda::Kernel, cuda::Device) {
    if (attribute == cuda::kFunctionMaxDynamicSharedBytes)
        state().shared_bytes = value;
    return enter("cuKernelSetAttribute");
}
inline cuda::Result launch(const cuda::LaunchConfig* config, cuda::Kernel kernel, void** parameters,
                           void**) {
    const cuda::Result result = enter("cuLaunchKernelEx");
    if (result == cuda::kSuccess)
        state().launches.push_back(
            {state().kernel_names[reinterpret_cast<size_t>(kernel) - 1], *config, parameters[0]});
    return result;
}

inline cuda::Result get_proc_address(const char* symbol, void** function, int32_t, uint64_t,
                                     int32_t* status) {
    static const std::map<std::string, void*> table{
        {"cuGetErrorName", reinterpret_cast<void*>(&get_error_name)},
        {"cuCtxGetDevice", reinterpret_cast<void*>(&ctx_get_device)},
        {"cuDeviceGetAttribute", reinterpret_cast<void*>(&device_get_attribute)},
        {"cuLibraryLoadData", reinterpret_cast<void*>(&load_data)},
        {"cuLibraryGetKernel", reinterpret_cast<void*>(&get_kernel)},
        {"cuKernelSetAttribute", reinterpret_cast<void*>(&set_attribute)},
        {"cuLaunchKernelEx", reinterpret_cast<void*>(&launch)},
    };
    const auto entry = table.find(symbol);
    *function = entry == table.end() ? nullptr : entry->second;
    if (status != nullptr)
        *status = entry == table.end() ? 1 : 0;
    return entry == table.end() ? cuda::kNotFound : cuda::kSuccess;
}

// Another driver: it has no entry point at all.
inline cuda::Result empty_get_proc_address(const char*, void** function, int32_t, uint64_t,
                                           int32_t*) {
    *function = nullptr;
    return cuda::kNotFound;
}

inline di_driver as_driver(uint32_t flags = 0) {
    return {sizeof(di_driver), flags, reinterpret_cast<void*>(&get_proc_address)};
}

} // namespace di::fake
