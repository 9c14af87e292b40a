// SPDX-License-Identifier: MIT
#include "common/host/kernel.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "common/host/error.h"
#include "tests/unit/fake_driver.h"

namespace di {
namespace {

struct Params {
    int value;
};

constexpr unsigned char kFatbin[] = {1, 2, 3};
constexpr unsigned char kHost[] = {4, 5};

class KernelTest : public testing::Test {
  protected:
    void SetUp() override {
        const di_driver driver = fake::as_driver(DI_DRIVER_SIMULATOR);
        Driver::use(&driver);
        fake::state() = {};
    }
};

TEST_F(KernelTest, Launch_passes_shape_stream_and_one_parameter) {
    const KernelImage image{"image", kFatbin, sizeof kFatbin, kHost, sizeof kHost};
    Kernel<Params> kernel{image, "kernel"};
    LaunchShape shape;
    shape.grid_x = 7;
    shape.threads = 64;
    int stream;

    kernel(shape, Params{5}, reinterpret_cast<di_stream>(&stream));

    ASSERT_EQ(fake::state().launches.size(), 1u);
    const fake::Launch& launch = fake::state().launches[0];
    EXPECT_EQ(launch.kernel, "kernel");
    EXPECT_EQ(launch.config.grid_x, 7u);
    EXPECT_EQ(launch.config.grid_y, 1u);
    EXPECT_EQ(launch.config.block_x, 64u);
    EXPECT_EQ(launch.config.stream, &stream);
    EXPECT_EQ(launch.config.attribute_count, 0u);
    EXPECT_EQ(fake::state().calls["cuKernelSetAttribute"], 0);
}

TEST_F(KernelTest, The_simulator_gets_the_host_build) {
    const KernelImage image{"image", kFatbin, sizeof kFatbin, kHost, sizeof kHost};
    Kernel<Params> kernel{image, "kernel"};

    kernel({}, {}, nullptr);

    EXPECT_EQ(fake::state().loaded, kHost);
}

TEST_F(KernelTest, Much_shared_memory_is_asked_for) {
    const KernelImage image{"image", kFatbin, sizeof kFatbin, kHost, sizeof kHost};
    Kernel<Params> kernel{image, "kernel"};
    LaunchShape shape;
    shape.shared_bytes = 100 * 1024;

    kernel(shape, {}, nullptr);

    EXPECT_EQ(fake::state().shared_bytes, 100 * 1024);
    EXPECT_EQ(fake::state().launches[0].config.shared_bytes, 100u * 1024);
}

TEST_F(KernelTest, Many_threads_load_an_image_once) {
    const KernelImage image{"image", kFatbin, sizeof kFatbin, kHost, sizeof kHost};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; i++)
        threads.emplace_back([&] { image.load(Driver::instance()); });
    for (std::thread& thread : threads)
        thread.join();

    EXPECT_EQ(fake::state().calls["cuLibraryLoadData"], 1);
}

TEST_F(KernelTest, A_build_without_the_image_says_so) {
    const KernelImage image{"image", kFatbin, sizeof kFatbin, kHost, 0};
    Kernel<Params> kernel{image, "kernel"};

    const di_status status = guarded([&] { kernel({}, {}, nullptr); });

    EXPECT_EQ(status, DI_STATUS_NOT_SUPPORTED);
    di_error_info info{};
    info.struct_size = sizeof info;
    read_error(&info);
    EXPECT_STREQ(
        info.message,
        "this build has no simulator image of the kernels in image; ./build.sh simulator makes one "
        "that has");
}

TEST_F(KernelTest, A_failed_load_is_tried_again) {
    const KernelImage image{"image", kFatbin, sizeof kFatbin, kHost, sizeof kHost};
    Kernel<Params> kernel{image, "kernel"};
    fake::state().failures["cuLibraryLoadData"] = cuda::kNoBinaryForGpu;
    EXPECT_EQ(guarded([&] { kernel({}, {}, nullptr); }), DI_STATUS_NOT_SUPPORTED);
    fake::state().failures.clear();

    EXPECT_EQ(guarded([&] { kernel({}, {}, nullptr); }), DI_STATUS_OK);
}

TEST_F(KernelTest, A_refused_launch_names_the_kernel) {
    const KernelImage image{"image", kFatbin, sizeof kFatbin, kHost, sizeof kHost};
    Kernel<Params> kernel{image, "kernel"};
    fake::state().failures["cuLaunchKernelEx"] = 1;

    EXPECT_EQ(guarded([&] { kernel({}, {}, nullptr); }), DI_STATUS_DEVICE_ERROR);
    di_error_info info{};
    info.struct_size = sizeof info;
    read_error(&info);
    EXPECT_STREQ(info.message, "cuLaunchKernelEx(kernel): CUDA_ERROR_FAKE");
}

} // namespace
} // namespace di
