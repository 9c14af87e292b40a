// SPDX-License-Identifier: MIT
// A context and a stream on the first simulated device, and kernels of one source.
#pragma once

#include <map>

#include "deepinfra_sim/runtime.h"
#include "driver/cuda_abi.h"
#include "driver_library.h"

namespace cudasim::test {

using namespace cudasim::driver;

class DriverTest : public testing::Test {
  protected:
    explicit DriverTest(const char* source) : source_(source) {}

    void SetUp() override {
        ASSERT_EQ(cu.call("cuInit", 0u), 0);
        ASSERT_EQ(cu.call("cuDevicePrimaryCtxRetain", &context, 0), 0);
        ASSERT_EQ(cu.call("cuCtxPushCurrent", context), 0);
        static std::map<const char*, std::vector<char>> images;
        std::vector<char>& image = images[source_];
        if (image.empty())
            image = cu.compile(source_);
        ASSERT_FALSE(image.empty());
        ASSERT_EQ(cu.call("cuLibraryLoadData", &library, static_cast<const void*>(image.data()),
                          static_cast<int*>(nullptr), static_cast<void**>(nullptr), 0u,
                          static_cast<int*>(nullptr), static_cast<void**>(nullptr), 0u),
                  0);
        ASSERT_EQ(cu.call("cuStreamCreate", &stream, 1u), 0);
    }
    void TearDown() override {
        cu.exported("di_cudasim_reset");
        cu.call("cuStreamDestroy", stream);
        cu.call("cuLibraryUnload", library);
        void* popped;
        cu.call("cuCtxPopCurrent", &popped);
        cu.call("cuDevicePrimaryCtxRelease", 0);
    }
    void* kernel(const char* name) {
        void* k = nullptr;
        EXPECT_EQ(cu.call("cuLibraryGetKernel", &k, library, name), 0) << name;
        return k;
    }
    int launch(void* k, unsigned blocks, unsigned threads, std::vector<void*> parameters,
               void* on) {
        CUlaunchConfig config{blocks, 1, 1, threads, 1, 1, 0, on, nullptr, 0};
        return cu.call("cuLaunchKernelEx", static_cast<const CUlaunchConfig*>(&config), k,
                       parameters.data(), static_cast<void**>(nullptr));
    }
    CUdeviceptr alloc(std::size_t bytes) {
        CUdeviceptr p = 0;
        EXPECT_EQ(cu.call("cuMemAllocAsync", &p, bytes, stream), 0);
        return p;
    }
    void* new_stream() {
        void* s = nullptr;
        EXPECT_EQ(cu.call("cuStreamCreate", &s, 1u), 0);
        return s;
    }
    int sync(void* s) { return cu.call("cuStreamSynchronize", s); }

    DriverLibrary& cu = DriverLibrary::instance();
    void *context = nullptr, *library = nullptr, *stream = nullptr;

  private:
    const char* source_;
};

} // namespace cudasim::test
