// SPDX-License-Identifier: MIT
// libdeepinfra_cudasim.so as a host program uses it: opened privately, every function by name.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace cudasim::test {

class DriverLibrary {
  public:
    static DriverLibrary& instance() {
        static DriverLibrary library;
        return library;
    }

    // Calls a driver function by its name for cuGetProcAddress.
    template <typename... A> int call(const char* name, A... arguments) {
        void* function = nullptr;
        int status = 0;
        if (get_(name, &function, 12000, 0, &status) != 0) {
            ADD_FAILURE() << name << " is missing";
            return -1;
        }
        return reinterpret_cast<int (*)(A...)>(function)(arguments...);
    }

    // Calls an exported function (nvrtc, the simulator's own).
    template <typename... A> int exported(const char* name, A... arguments) {
        void* function = dlsym(library_, name);
        if (function == nullptr) {
            ADD_FAILURE() << name << " is missing";
            return -1;
        }
        return reinterpret_cast<int (*)(A...)>(function)(arguments...);
    }

    std::string last_report() {
        char text[4096];
        exported("di_cudasim_last_report", &text[0], sizeof text);
        return text;
    }

    // Source to image by NVRTC; the log on failure.
    std::vector<char> compile(const std::string& source, std::string* log = nullptr) {
        void* program = nullptr;
        EXPECT_EQ(exported("nvrtcCreateProgram", &program, source.c_str(), "test.cu", 0,
                           static_cast<const char* const*>(nullptr),
                           static_cast<const char* const*>(nullptr)),
                  0);
        const char* options[] = {"--gpu-architecture=sm_90a", "--std=c++20", "-default-device"};
        int result = exported("nvrtcCompileProgram", program, 3, &options[0]);
        std::size_t bytes = 0;
        exported("nvrtcGetProgramLogSize", program, &bytes);
        std::string text(bytes, ' ');
        exported("nvrtcGetProgramLog", program, text.data());
        if (log != nullptr)
            *log = text;
        std::vector<char> image;
        if (result == 0) {
            exported("nvrtcGetCUBINSize", program, &bytes);
            image.resize(bytes);
            exported("nvrtcGetCUBIN", program, image.data());
        }
        exported("nvrtcDestroyProgram", &program);
        return image;
    }

  private:
    DriverLibrary() {
        setenv("DEEPINFRA_CUDASIM_DEVICES", "8", 0);
        library_ = dlopen(CUDASIM_LIBRARY, RTLD_NOW | RTLD_LOCAL);
        if (library_ == nullptr) {
            std::fprintf(stderr, "%s\n", dlerror());
            std::abort();
        }
        get_ = reinterpret_cast<GetProc>(dlsym(library_, "cuGetProcAddress_v2"));
    }

    using GetProc = int (*)(const char*, void**, int, unsigned long long, int*);
    void* library_;
    GetProc get_;
};

} // namespace cudasim::test
