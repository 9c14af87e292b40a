// SPDX-License-Identifier: MIT
// Kernels of one image: loaded when first launched, launched with one parameter block by value.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "common/host/driver.h"

namespace di {

// A compiled source of kernels as it lies in the library: cubins for GPUs, a host build for the
// simulator. Either may be empty.
struct KernelImage {
    const char* name;
    const unsigned char* fatbin;
    size_t fatbin_bytes;
    const unsigned char* host;
    size_t host_bytes;

    // The image as a library of the driver; loaded once and kept until the process ends.
    cuda::Library load(const Driver& driver) const;

    mutable std::mutex mutex{};
    mutable std::atomic<cuda::Library> library{nullptr};
};

// Shape of a launch.
struct LaunchShape {
    uint32_t grid_x = 1, grid_y = 1, grid_z = 1;
    uint32_t threads = 1;
    uint32_t shared_bytes = 0;
};

// A kernel by its name, without the type of its parameters.
class AnyKernel {
  public:
    constexpr AnyKernel(const KernelImage& image, const char* name) : image_(image), name_(name) {}
    AnyKernel(const AnyKernel&) = delete;
    AnyKernel& operator=(const AnyKernel&) = delete;

  protected:
    void launch(const LaunchShape& shape, void* params, di_stream stream);

  private:
    cuda::Kernel find(const Driver& driver);

    const KernelImage& image_;
    const char* name_;
    std::atomic<cuda::Kernel> kernel_{nullptr};
};

// A kernel whose only parameter is a Params by value.
template <typename Params> class Kernel : AnyKernel {
  public:
    using AnyKernel::AnyKernel;

    // Enqueues the kernel. Does not wait.
    void operator()(const LaunchShape& shape, const Params& params, di_stream stream) {
        Params copy = params;
        launch(shape, &copy, stream);
    }
};

} // namespace di
