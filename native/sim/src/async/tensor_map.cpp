// SPDX-License-Identifier: MIT
#include "async/tensor_map.h"

#include <cstring>

namespace cudasim {

unsigned tensor_element_bytes(TensorType type) {
    switch (type) {
    case TensorType::U8:
        return 1;
    case TensorType::U16:
    case TensorType::F16:
    case TensorType::BF16:
        return 2;
    case TensorType::U64:
    case TensorType::S64:
    case TensorType::F64:
        return 8;
    default:
        return 4;
    }
}

std::uint32_t box_bytes(const TensorMap& map) {
    std::uint32_t bytes = tensor_element_bytes(static_cast<TensorType>(map.type));
    for (unsigned d = 0; d < map.rank; ++d)
        bytes *= map.count(d);
    return bytes;
}

const char* encode_tensor_map(TensorMap* map, int type, unsigned rank, const void* address,
                              const std::uint64_t* extents, const std::uint64_t* strides,
                              const std::uint32_t* box, const std::uint32_t* element_strides,
                              int interleave, int swizzle, int fill, bool* not_modelled) {
    *not_modelled = false;
    if (map == nullptr || reinterpret_cast<std::uintptr_t>(map) % 64 != 0)
        return "the map must be aligned to 64 bytes";
    if (type < 0 || type > 15)
        return "unknown element type";
    if (rank < 1 || rank > 5)
        return "rank must be 1 to 5";
    auto base = reinterpret_cast<std::uint64_t>(address);
    if (base == 0 || base % 16 != 0)
        return "the address must be a multiple of 16";
    if (interleave < 0 || interleave > 2 || swizzle < 0 || swizzle > 6 || fill < 0 || fill > 1)
        return "unknown mode";
    if (interleave != 0 || swizzle > 3 || type > 12) {
        *not_modelled = true;
        return "not modelled: interleave, swizzles with larger atoms and sub-byte types";
    }
    unsigned element = tensor_element_bytes(static_cast<TensorType>(type));
    if (fill == 1 && type < static_cast<int>(TensorType::F16))
        return "NaN fill needs a floating type";
    std::memset(map, 0, sizeof *map);
    std::uint64_t total = 1;
    for (unsigned d = 0; d < rank; ++d) {
        if (extents[d] == 0 || extents[d] > (std::uint64_t{1} << 32))
            return "an extent must be 1 to 2^32";
        if (box[d] == 0 || box[d] > 256)
            return "a box side must be 1 to 256";
        if (element_strides[d] == 0 || element_strides[d] > 8)
            return "an element stride must be 1 to 8";
        // Without interleave the innermost dimension has no stride, whatever it says.
        map->element_strides[d] =
            d == 0 ? std::uint8_t{1} : static_cast<std::uint8_t>(element_strides[d]);
        map->extents[d] = static_cast<std::uint32_t>(extents[d] - 1);
        map->box[d] = static_cast<std::uint16_t>(box[d]);
        total *= map->count(d);
        if (d + 1 < rank) {
            if (strides[d] == 0 || strides[d] % 16 != 0 || strides[d] >= (std::uint64_t{1} << 40)) {
                return "a stride must be a multiple of 16 below 2^40";
            }
            map->strides[d] = strides[d];
        }
    }
    std::uint32_t inner = box[0] * element;
    if (inner % 16 != 0)
        return "the box's inner side must be a multiple of 16 bytes";
    std::uint32_t span = swizzle == 0 ? 0 : 16u << swizzle;
    if (span != 0 && inner > span)
        return "the box's inner side is larger than the swizzle";
    if (span != 0 && inner != span && total / box[0] > 1) {
        *not_modelled = true;
        return "not modelled: a swizzled box whose inner side is smaller than the swizzle";
    }
    map->magic = kTensorMapMagic;
    map->address = base;
    map->rank = static_cast<std::uint8_t>(rank);
    map->type = static_cast<std::uint8_t>(type);
    map->swizzle = static_cast<std::uint8_t>(swizzle);
    map->fill = static_cast<std::uint8_t>(fill);
    return nullptr;
}

} // namespace cudasim
