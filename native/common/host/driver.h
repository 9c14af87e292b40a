// SPDX-License-Identifier: MIT
// The CUDA driver as launchers see it: handed over by the caller, or found by name at first use.
// Nothing here links against CUDA, so the library loads on a machine without it.
#pragma once

#include <source_location>

#include "common/host/cuda_types.h"
#include "deepinfra/base.h"

namespace di {

// Entry points of a driver. One per library, never released.
struct Driver {
    bool is_simulator;
    cuda::GetProcAddress get_proc_address;
    cuda::GetErrorName get_error_name;
    cuda::CtxGetDevice ctx_get_device;
    cuda::DeviceGetAttribute device_get_attribute;
    cuda::LibraryLoadData library_load_data;
    cuda::LibraryGetKernel library_get_kernel;
    cuda::KernelSetAttribute kernel_set_attribute;
    cuda::LaunchKernelEx launch_kernel_ex;

    // An entry point by the name and the first CUDA version (such as 12000) that has it; throws if
    // there is none.
    void* find(const char* symbol, int32_t version) const;

    // Throws the error that a driver call returned, unless it is success.
    void check(cuda::Result result, const char* call,
               std::source_location where = std::source_location::current()) const;

    // The driver of this library; throws DI_STATUS_NOT_SUPPORTED if there is none.
    static const Driver& instance();

    // Sets the driver before its first use.
    static void use(const di_driver* driver);
};

} // namespace di
