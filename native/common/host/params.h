// SPDX-License-Identifier: MIT
// Reading parameter blocks of callers that are older or newer than the library.
#pragma once

#include <cstdint>
#include <cstring>

#include "common/host/error.h"

namespace di {

// The caller's block as the library knows it. An older caller's block is shorter than ours by
// fields added since then, never below minimum_size; those read as zero. A newer caller's block may
// be longer if the rest is zero: a field that we do not know must not ask for something.
template <typename Params>
Params read_params(const Params* params, const char* name, uint32_t minimum_size = sizeof(Params),
                   std::source_location where = std::source_location::current()) {
    if (params == nullptr)
        throw Error(DI_STATUS_INVALID_ARGUMENT, join(name, " is null"), 0, where);
    uint32_t size;
    std::memcpy(&size, params, sizeof size);
    if (size < minimum_size)
        throw Error(DI_STATUS_INVALID_ARGUMENT,
                    join(name, ": expected struct_size of at least ", minimum_size, ", got ", size),
                    0, where);
    // A wild size would make us read far beyond the block; no block of this ABI comes near one
    // page.
    constexpr uint32_t kLargest = 4096;
    if (size > kLargest)
        throw Error(DI_STATUS_INVALID_ARGUMENT,
                    join(name, ": struct_size ", size, " is not a size of this block"), 0, where);
    const auto* bytes = reinterpret_cast<const unsigned char*>(params);
    for (uint32_t i = sizeof(Params); i < size; i++)
        if (bytes[i] != 0)
            throw Error(DI_STATUS_INVALID_ARGUMENT,
                        join(name, ": byte ", i, " belongs to a field this library does not know"),
                        0, where);
    Params result{};
    std::memcpy(&result, params, size < sizeof(Params) ? size : sizeof(Params));
    return result;
}

} // namespace di
