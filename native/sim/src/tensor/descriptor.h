// SPDX-License-Identifier: MIT
// Shared-memory matrix descriptors of wgmma: which bytes hold an element.
#pragma once

#include <cstdint>

#include "async/tensor_map.h"

namespace cudasim {

struct MatrixDescriptor {
    std::uint32_t start, leading, stride; // bytes
    unsigned base_offset;
    unsigned swizzle; // as in tensor maps: 0 none, 1 32 B, 2 64 B, 3 128 B

    explicit MatrixDescriptor(std::uint64_t bits) {
        start = static_cast<std::uint32_t>(bits & 0x3fff) << 4;
        leading = static_cast<std::uint32_t>(bits >> 16 & 0x3fff) << 4;
        stride = static_cast<std::uint32_t>(bits >> 32 & 0x3fff) << 4;
        base_offset = static_cast<unsigned>(bits >> 49 & 7);
        // The descriptor counts the other way: 1 is 128 bytes, 3 is 32.
        unsigned mode = static_cast<unsigned>(bits >> 62);
        swizzle = mode == 0 ? 0 : 4 - mode;
    }

    // Shared offset of the 16 bytes that hold, K-major, k bytes [16 c, 16 c + 16) of row r.
    std::uint32_t k_major(std::uint32_t r, std::uint32_t c) const {
        std::uint32_t address = start + r / 8 * stride;
        if (swizzle == 0)
            address += c * leading + r % 8 * 16;
        else
            address += r % 8 * (16u << swizzle) + c * 16;
        return swizzle_address(address, swizzle);
    }

    // The same, MN-major with elements of 2 bytes: rows [8 c, 8 c + 8) at k.
    std::uint32_t mn_major(std::uint32_t c, std::uint32_t k) const {
        if (swizzle == 0)
            return start + c * stride + k / 8 * leading + k % 8 * 16;
        std::uint32_t chunks = 1u << swizzle; // of 8 rows in a swizzle atom
        std::uint32_t address = start + c / chunks * leading + c % chunks * 16 + k / 8 * stride +
                                k % 8 * (16u << swizzle);
        return swizzle_address(address, swizzle);
    }
};

} // namespace cudasim
