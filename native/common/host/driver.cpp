// SPDX-License-Identifier: MIT
#include "common/host/driver.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <mutex>

#include "common/host/error.h"
#include "common/host/params.h"

namespace di {
namespace {

// Kernels as libraries of the driver (cuLibraryLoadData) came with this version.
constexpr int32_t kMinimumVersion = 12000;

std::mutex mutex;
std::atomic<const Driver*> current{nullptr};

template <typename Function>
void bind(const Driver& driver, Function& function, const char* symbol) {
    function = reinterpret_cast<Function>(driver.find(symbol, kMinimumVersion));
}

const Driver* bind_all(cuda::GetProcAddress get_proc_address, bool is_simulator) {
    Driver driver{};
    driver.is_simulator = is_simulator;
    driver.get_proc_address = get_proc_address;
    bind(driver, driver.get_error_name, "cuGetErrorName");
    bind(driver, driver.ctx_get_device, "cuCtxGetDevice");
    bind(driver, driver.device_get_attribute, "cuDeviceGetAttribute");
    bind(driver, driver.library_load_data, "cuLibraryLoadData");
    bind(driver, driver.library_get_kernel, "cuLibraryGetKernel");
    bind(driver, driver.kernel_set_attribute, "cuKernelSetAttribute");
    bind(driver, driver.launch_kernel_ex, "cuLaunchKernelEx");
    return new Driver(driver);
}

const Driver* load_by_name() {
    const char* choice = std::getenv("DEEPINFRA_CUDA");
    const bool is_simulator = choice != nullptr && std::strcmp(choice, "sim") == 0;
    const char* name = is_simulator ? "libdeepinfra_cudasim.so" : "libcuda.so.1";
    void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
        throw Error(DI_STATUS_NOT_SUPPORTED, join("no CUDA driver: ", dlerror()));
    auto get_proc_address =
        reinterpret_cast<cuda::GetProcAddress>(dlsym(library, "cuGetProcAddress_v2"));
    auto init = reinterpret_cast<cuda::Init>(dlsym(library, "cuInit"));
    if (get_proc_address == nullptr || init == nullptr)
        throw Error(DI_STATUS_NOT_SUPPORTED,
                    join(name, " is older than CUDA 12.0: no cuGetProcAddress_v2"));
    if (cuda::Result result = init(0); result != cuda::kSuccess)
        throw Error(DI_STATUS_NOT_SUPPORTED, join("cuInit failed in ", name), result);
    return bind_all(get_proc_address, is_simulator);
}

} // namespace

void* Driver::find(const char* symbol, int32_t version) const {
    void* function = nullptr;
    int32_t status = 0;
    const cuda::Result result = get_proc_address(symbol, &function, version, 0, &status);
    if (result != cuda::kSuccess || function == nullptr)
        throw Error(DI_STATUS_NOT_SUPPORTED,
                    join("the driver has no ", symbol, " (CUDA ", version / 1000, ".",
                         version % 1000 / 10, " or newer is needed)"),
                    result);
    return function;
}

void Driver::check(cuda::Result result, const char* call, std::source_location where) const {
    if (result == cuda::kSuccess)
        return;
    const char* name = nullptr;
    if (get_error_name(result, &name) != cuda::kSuccess || name == nullptr)
        name = "an unknown error";
    di_status status = DI_STATUS_DEVICE_ERROR;
    if (result == cuda::kOutOfMemory)
        status = DI_STATUS_OUT_OF_MEMORY;
    else if (result == cuda::kNoBinaryForGpu)
        status = DI_STATUS_NOT_SUPPORTED;
    throw Error(status, join(call, ": ", name), result, where);
}

const Driver& Driver::instance() {
    if (const Driver* driver = current.load(std::memory_order_acquire))
        return *driver;
    std::lock_guard lock(mutex);
    if (current.load(std::memory_order_relaxed) == nullptr)
        current.store(load_by_name(), std::memory_order_release);
    return *current.load(std::memory_order_relaxed);
}

void Driver::use(const di_driver* driver) {
    const di_driver given = read_params(driver, "driver");
    if (given.get_proc_address == nullptr)
        throw Error(DI_STATUS_INVALID_ARGUMENT, "driver: get_proc_address is null");
    if ((given.flags & ~static_cast<uint32_t>(DI_DRIVER_SIMULATOR)) != 0)
        throw Error(DI_STATUS_INVALID_ARGUMENT, join("driver: unknown flags ", given.flags));
    auto get_proc_address = reinterpret_cast<cuda::GetProcAddress>(given.get_proc_address);
    std::lock_guard lock(mutex);
    if (const Driver* present = current.load(std::memory_order_relaxed)) {
        if (present->get_proc_address != get_proc_address)
            throw Error(DI_STATUS_INVALID_ARGUMENT, "driver: another driver is in use already");
        return;
    }
    current.store(bind_all(get_proc_address, (given.flags & DI_DRIVER_SIMULATOR) != 0),
                  std::memory_order_release);
}

} // namespace di
