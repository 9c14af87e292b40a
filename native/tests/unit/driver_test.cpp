// SPDX-License-Identifier: MIT
#include "common/host/driver.h"

#include <gtest/gtest.h>

#include "common/host/error.h"
#include "tests/unit/fake_driver.h"

namespace di {
namespace {

di_status use(const di_driver& driver) {
    return guarded([&] { Driver::use(&driver); });
}

// One process has one driver, so the whole life of it is one test.
TEST(Driver, Is_set_once_checked_and_kept) {
    di_driver wrong = fake::as_driver();
    wrong.get_proc_address = nullptr;
    EXPECT_EQ(use(wrong), DI_STATUS_INVALID_ARGUMENT);
    wrong = fake::as_driver();
    wrong.flags = 2;
    EXPECT_EQ(use(wrong), DI_STATUS_INVALID_ARGUMENT);
    wrong = fake::as_driver();
    wrong.get_proc_address = reinterpret_cast<void*>(&fake::empty_get_proc_address);
    EXPECT_EQ(use(wrong), DI_STATUS_NOT_SUPPORTED);

    EXPECT_EQ(use(fake::as_driver(DI_DRIVER_SIMULATOR)), DI_STATUS_OK);
    EXPECT_TRUE(Driver::instance().is_simulator);
    EXPECT_EQ(use(fake::as_driver(DI_DRIVER_SIMULATOR)), DI_STATUS_OK);
    EXPECT_EQ(use(wrong), DI_STATUS_INVALID_ARGUMENT);
    EXPECT_TRUE(Driver::instance().is_simulator);
}

TEST(Driver, Results_become_the_matching_status) {
    const di_driver driver = fake::as_driver(DI_DRIVER_SIMULATOR);
    ASSERT_EQ(use(driver), DI_STATUS_OK);
    auto status_of = [](cuda::Result result) {
        return guarded([&] { Driver::instance().check(result, "cuThing"); });
    };

    EXPECT_EQ(status_of(cuda::kSuccess), DI_STATUS_OK);
    EXPECT_EQ(status_of(cuda::kOutOfMemory), DI_STATUS_OUT_OF_MEMORY);
    EXPECT_EQ(status_of(cuda::kNoBinaryForGpu), DI_STATUS_NOT_SUPPORTED);
    EXPECT_EQ(status_of(719), DI_STATUS_DEVICE_ERROR);
    di_error_info info{};
    info.struct_size = sizeof info;
    read_error(&info);
    EXPECT_EQ(info.native_code, 719);
    EXPECT_STREQ(info.message, "cuThing: CUDA_ERROR_FAKE");
}

TEST(Driver, A_missing_entry_point_names_itself) {
    const di_driver driver = fake::as_driver(DI_DRIVER_SIMULATOR);
    ASSERT_EQ(use(driver), DI_STATUS_OK);

    try {
        Driver::instance().find("cuFromTheFuture", 13020);
        FAIL() << "found";
    } catch (const Error& error) {
        EXPECT_EQ(error.status, DI_STATUS_NOT_SUPPORTED);
        EXPECT_EQ(error.message,
                  "the driver has no cuFromTheFuture (CUDA 13.2 or newer is needed)");
    }
}

} // namespace
} // namespace di
