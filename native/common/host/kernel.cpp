// SPDX-License-Identifier: MIT
#include "common/host/kernel.h"

#include "common/host/error.h"

namespace di {
namespace {

// Without the opt-in a kernel gets this much dynamic shared memory.
constexpr uint32_t kSharedWithoutOptIn = 48 * 1024;

} // namespace

cuda::Library KernelImage::load(const Driver& driver) const {
    if (cuda::Library loaded = library.load(std::memory_order_acquire))
        return loaded;
    const unsigned char* code = driver.is_simulator ? host : fatbin;
    const size_t bytes = driver.is_simulator ? host_bytes : fatbin_bytes;
    if (bytes == 0)
        throw Error(DI_STATUS_NOT_SUPPORTED,
                    join("this build has no ", driver.is_simulator ? "simulator" : "CUDA",
                         " image of the kernels in ", name, "; ./build.sh ",
                         driver.is_simulator ? "simulator" : "native", " makes one that has"));
    std::lock_guard lock(mutex);
    if (cuda::Library loaded = library.load(std::memory_order_relaxed))
        return loaded;
    cuda::Library loaded = nullptr;
    driver.check(driver.library_load_data(&loaded, code, nullptr, nullptr, 0, nullptr, nullptr, 0),
                 join("cuLibraryLoadData(", name, ")").c_str());
    library.store(loaded, std::memory_order_release);
    return loaded;
}

cuda::Kernel AnyKernel::find(const Driver& driver) {
    if (cuda::Kernel found = kernel_.load(std::memory_order_acquire))
        return found;
    cuda::Kernel found = nullptr;
    driver.check(driver.library_get_kernel(&found, image_.load(driver), name_),
                 join("cuLibraryGetKernel(", name_, ")").c_str());
    kernel_.store(found, std::memory_order_release);
    return found;
}

void AnyKernel::launch(const LaunchShape& shape, void* params, di_stream stream) {
    const Driver& driver = Driver::instance();
    cuda::Kernel kernel = find(driver);
    if (shape.shared_bytes > kSharedWithoutOptIn) {
        // Kept per device by the driver; setting it again costs less than remembering it per
        // context.
        cuda::Device device = 0;
        driver.check(driver.ctx_get_device(&device), "cuCtxGetDevice");
        driver.check(driver.kernel_set_attribute(cuda::kFunctionMaxDynamicSharedBytes,
                                                 static_cast<int32_t>(shape.shared_bytes), kernel,
                                                 device),
                     join("cuKernelSetAttribute(", name_, ")").c_str());
    }
    cuda::LaunchConfig config{};
    config.grid_x = shape.grid_x;
    config.grid_y = shape.grid_y;
    config.grid_z = shape.grid_z;
    config.block_x = shape.threads;
    config.block_y = 1;
    config.block_z = 1;
    config.shared_bytes = shape.shared_bytes;
    config.stream = stream;
    void* parameters[] = {params};
    const cuda::Result result = driver.launch_kernel_ex(&config, kernel, parameters, nullptr);
    if (result != cuda::kSuccess)
        driver.check(result, join("cuLaunchKernelEx(", name_, ")").c_str());
}

} // namespace di
