// SPDX-License-Identifier: MIT
// Handshake, error record and driver of libdeepinfra_core.
#include <cstddef>

#include "build_info.h"
#include "common/host/driver.h"
#include "common/host/error.h"
#include "deepinfra/core.h"

namespace {

#include "core/api/core_abi_layout.inc"

} // namespace

uint32_t di_core_abi_version(void) { return DI_CORE_ABI_VERSION; }

const char* di_core_build_info(void) { return DEEPINFRA_BUILD_INFO; }

const di_abi_field* di_core_abi_layout(int32_t* count) {
    if (count != nullptr)
        *count = static_cast<int32_t>(sizeof core_abi_layout / sizeof *core_abi_layout);
    return core_abi_layout;
}

di_status di_core_last_error(di_error_info* out) { return di::read_error(out); }

di_status di_core_use_driver(const di_driver* driver) {
    return di::guarded([&] { di::Driver::use(driver); });
}
