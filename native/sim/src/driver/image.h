// SPDX-License-Identifier: MIT
// Images: shared objects of the host that hold kernels compiled for the simulator.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "deepinfra_sim/runtime.h"
#include "driver/cuda_abi.h"
#include "memory/device_heap.h"

namespace cudasim::driver {

struct Library;

// A CUkernel and a CUfunction alike.
struct Kernel {
    const di_sim_kernel_info* info;
    Library* library;
    std::string name; // by which it was found
    // Set by one host thread while another one launches.
    std::atomic<unsigned> max_dynamic_shared[kMaxDevices];
    std::atomic<bool> non_portable_cluster{false};
};

// A CUlibrary and a CUmodule alike.
struct Library {
    void* object = nullptr; // of dlopen
    int file = -1;          // memory file that holds the image, open as long as it is loaded
    std::mutex mutex;
    std::map<std::string, std::unique_ptr<Kernel>> kernels;

    ~Library();
    Kernel* find(const std::string& name);
};

// Loads an image from memory; its length is read from its headers. Null with a code on failure.
Library* load_image(const void* image, CUresult* error);
Library* load_image_file(const char* path, CUresult* error);

} // namespace cudasim::driver
