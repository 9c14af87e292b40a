// SPDX-License-Identifier: MIT
// Handshake, error record and driver of libdeepinfra_flashmla.
#include <cstddef>

#include "build_info.h"
#include "common/host/driver.h"
#include "common/host/error.h"
#include "deepinfra/flashmla.h"

namespace {

#include "flashmla/api/flashmla_abi_layout.inc"

} // namespace

uint32_t di_flashmla_abi_version(void) { return DI_FLASHMLA_ABI_VERSION; }

const char* di_flashmla_build_info(void) { return DEEPINFRA_BUILD_INFO; }

const di_abi_field* di_flashmla_abi_layout(int32_t* count) {
    if (count != nullptr)
        *count = static_cast<int32_t>(sizeof flashmla_abi_layout / sizeof *flashmla_abi_layout);
    return flashmla_abi_layout;
}

di_status di_flashmla_last_error(di_error_info* out) { return di::read_error(out); }

di_status di_flashmla_use_driver(const di_driver* driver) {
    return di::guarded([&] { di::Driver::use(driver); });
}
