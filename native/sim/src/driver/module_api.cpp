// SPDX-License-Identifier: MIT
// Libraries, modules, kernels and their attributes.
#include <cstring>

#include "driver/image.h"
#include "driver/state.h"

using namespace cudasim;
using namespace cudasim::driver;

namespace {

CUresult load(void** result, const void* image, const char* path) {
    if (!initialised.load())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (result == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult error;
    Library* library = path != nullptr ? load_image_file(path, &error) : load_image(image, &error);
    *result = library;
    return error;
}

CUresult find(void** kernel, void* library, const char* name) {
    if (kernel == nullptr || library == nullptr || name == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    *kernel = static_cast<Library*>(library)->find(name);
    return *kernel != nullptr ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

CUresult unload(void* library) {
    if (library == nullptr)
        return CUDA_ERROR_INVALID_HANDLE;
    // Kernels of the library may still run.
    if (Context* context = current_context())
        synchronize_context(*context);
    delete static_cast<Library*>(library);
    return CUDA_SUCCESS;
}

CUresult get_attribute(int* value, int attribute, void* kernel, int device) {
    if (value == nullptr || kernel == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    const Kernel& k = *static_cast<Kernel*>(kernel);
    switch (attribute) {
    case kFunctionMaxThreads:
        *value = k.info->max_threads != 0 ? static_cast<int>(k.info->max_threads) : 1024;
        return CUDA_SUCCESS;
    case kFunctionPtxVersion:
    case kFunctionBinaryVersion:
        *value = 10 * kComputeMajor + kComputeMinor;
        return CUDA_SUCCESS;
    case kFunctionMaxDynamicShared:
        *value = static_cast<int>(k.max_dynamic_shared[device]);
        return CUDA_SUCCESS;
    case kFunctionNonPortableClusterSize:
        *value = k.non_portable_cluster ? 1 : 0;
        return CUDA_SUCCESS;
    case kFunctionSharedBytes: // there is no static shared memory
    case kFunctionConstBytes:
    case kFunctionLocalBytes:
    case kFunctionRegisters: // registers are not modelled
    case kFunctionCacheModeCa:
    case kFunctionPreferredCarveout:
    case kFunctionClusterSizeMustBeSet:
        *value = 0;
        return CUDA_SUCCESS;
    default:
        return CUDA_ERROR_INVALID_VALUE;
    }
}

CUresult set_attribute(int attribute, int value, void* kernel, int device) {
    if (kernel == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    Kernel& k = *static_cast<Kernel*>(kernel);
    switch (attribute) {
    case kFunctionMaxDynamicShared:
        if (value < 0 || static_cast<unsigned>(value) > kMaxSharedOptIn)
            return CUDA_ERROR_INVALID_VALUE;
        k.max_dynamic_shared[device] = std::max(static_cast<unsigned>(value), kMaxSharedDefault);
        return CUDA_SUCCESS;
    case kFunctionNonPortableClusterSize:
        k.non_portable_cluster = value != 0;
        return CUDA_SUCCESS;
    case kFunctionPreferredCarveout:
        return CUDA_SUCCESS;
    default:
        return CUDA_ERROR_INVALID_VALUE;
    }
}

int current_device() {
    Context* context = current_context();
    return context != nullptr ? context->device : 0;
}

} // namespace

CUDASIM_API CUresult cuLibraryLoadData(void** library, const void* image, int*, void**, unsigned,
                                       int*, void**, unsigned) try {
    return load(library, image, nullptr);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuLibraryLoadFromFile(void** library, const char* path, int*, void**, unsigned,
                                           int*, void**, unsigned) try {
    return load(library, nullptr, path == nullptr ? "" : path);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuLibraryUnload(void* library) try { return unload(library); }
CUDASIM_CATCH
CUDASIM_API CUresult cuLibraryGetKernel(void** kernel, void* library, const char* name) try {
    return find(kernel, library, name);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuLibraryGetModule(void** module, void* library) try {
    *module = library;
    return library != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuKernelGetFunction(void** function, void* kernel) try {
    *function = kernel;
    return kernel != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuKernelGetAttribute(int* value, int attribute, void* kernel,
                                          CUdevice device) try {
    if (device < 0 || device >= DeviceHeap::instance().device_count())
        return CUDA_ERROR_INVALID_DEVICE;
    return get_attribute(value, attribute, kernel, device);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuKernelSetAttribute(int attribute, int value, void* kernel,
                                          CUdevice device) try {
    if (device < 0 || device >= DeviceHeap::instance().device_count())
        return CUDA_ERROR_INVALID_DEVICE;
    return set_attribute(attribute, value, kernel, device);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuKernelGetName(const char** name, void* kernel) try {
    if (name == nullptr || kernel == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    *name = static_cast<Kernel*>(kernel)->name.c_str();
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuKernelGetParamInfo(void* kernel, std::size_t index, std::size_t* offset,
                                          std::size_t* bytes) try {
    if (kernel == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    const di_sim_kernel_info& info = *static_cast<Kernel*>(kernel)->info;
    if (index >= info.count)
        return CUDA_ERROR_INVALID_VALUE;
    // Alignments are not recorded; every parameter starts at a multiple of 8.
    std::size_t at = 0;
    for (std::size_t i = 0; i < index; ++i)
        at += (info.sizes[i] + 7) / 8 * 8;
    if (offset != nullptr)
        *offset = at;
    if (bytes != nullptr)
        *bytes = info.sizes[index];
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuModuleLoadData(void** module, const void* image) try {
    return load(module, image, nullptr);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuModuleLoadDataEx(void** module, const void* image, unsigned, int*,
                                        void**) try {
    return load(module, image, nullptr);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuModuleLoad(void** module, const char* path) try {
    return load(module, nullptr, path == nullptr ? "" : path);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuModuleUnload(void* module) try { return unload(module); }
CUDASIM_CATCH
CUDASIM_API CUresult cuModuleGetFunction(void** function, void* module, const char* name) try {
    return find(function, module, name);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuFuncGetAttribute(int* value, int attribute, void* function) try {
    return get_attribute(value, attribute, function, current_device());
}
CUDASIM_CATCH
CUDASIM_API CUresult cuFuncSetAttribute(void* function, int attribute, int value) try {
    return set_attribute(attribute, value, function, current_device());
}
CUDASIM_CATCH
CUDASIM_API CUresult cuFuncGetName(const char** name, void* function) try {
    return cuKernelGetName(name, function);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuFuncSetCacheConfig(void*, int) try { return CUDA_SUCCESS; }
CUDASIM_CATCH
CUDASIM_API CUresult cuModuleGetLoadingMode(int* mode) try {
    *mode = 1;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
