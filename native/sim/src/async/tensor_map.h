// SPDX-License-Identifier: MIT
// Tensor maps: what the 128 bytes of a CUtensorMap mean in the simulator, and the walk over a box.
#pragma once

#include <cstdint>

namespace cudasim {

constexpr std::uint64_t kTensorMapMagic = 0x44495f544d415031ULL;

// CUtensorMapDataType
enum class TensorType : std::uint8_t {
    U8 = 0,
    U16 = 1,
    U32 = 2,
    S32 = 3,
    U64 = 4,
    S64 = 5,
    F16 = 6,
    F32 = 7,
    F64 = 8,
    BF16 = 9,
    F32Ftz = 10,
    TF32 = 11,
    TF32Ftz = 12
};

// Aligned as CUtensorMap is.
struct alignas(64) TensorMap {
    std::uint64_t magic;
    std::uint64_t address;
    std::uint64_t strides[4]; // bytes, of dimensions 1 and up
    std::uint32_t extents[5]; // minus 1
    std::uint16_t box[5];
    std::uint8_t rank, type, swizzle, fill; // swizzle 0 none, 1 32 B, 2 64 B, 3 128 B; fill 1: NaN
    std::uint8_t element_strides[5];        // of a box's elements, the first always 1
    std::uint8_t reserved[41];

    // Elements that a box has along a dimension.
    std::uint32_t count(unsigned d) const {
        return (std::uint32_t{box[d]} + element_strides[d] - 1) / element_strides[d];
    }
};
static_assert(sizeof(TensorMap) == 128 && alignof(TensorMap) == 64, "as CUtensorMap");

unsigned tensor_element_bytes(TensorType type);

// Null when the arguments make a map, else what is wrong with them.
const char* encode_tensor_map(TensorMap* map, int type, unsigned rank, const void* address,
                              const std::uint64_t* extents, const std::uint64_t* strides,
                              const std::uint32_t* box, const std::uint32_t* element_strides,
                              int interleave, int swizzle, int fill, bool* not_modelled);

// Where byte `offset` of an unswizzled box lands when the box starts at shared address `base`. The
// pattern belongs to addresses, not to the box: base must be aligned to 128 bytes.
inline std::uint32_t swizzle_address(std::uint32_t address, unsigned mode) {
    switch (mode) {
    case 1:
        return address ^ ((address >> 3) & 0x10);
    case 2:
        return address ^ ((address >> 3) & 0x30);
    case 3:
        return address ^ ((address >> 3) & 0x70);
    default:
        return address;
    }
}

// Bytes of a whole box, what a load counts on its barrier.
std::uint32_t box_bytes(const TensorMap& map);

// One row of a box along the innermost dimension.
struct BoxRow {
    std::uint32_t shared_offset; // of the row in the box, before swizzling
    std::uint32_t bytes;         // of the whole row
    bool inside;                 // the outer coordinates are in the tensor
    std::uint32_t first, count;  // bytes of the row that are in the tensor
    std::uint64_t address;       // global, of byte `first`
};

template <typename F> void for_each_row(const TensorMap& map, const int* coordinates, F f) {
    const std::uint32_t element = tensor_element_bytes(static_cast<TensorType>(map.type));
    const std::uint32_t row_bytes = map.box[0] * element;
    std::uint32_t index[5] = {0, 0, 0, 0, 0};
    std::uint32_t rows = 1;
    for (unsigned d = 1; d < map.rank; ++d)
        rows *= map.count(d);
    for (std::uint32_t r = 0; r < rows; ++r) {
        BoxRow row{r * row_bytes, row_bytes, true, 0, 0, map.address};
        for (unsigned d = 1; d < map.rank; ++d) {
            std::int64_t at =
                coordinates[d] + std::int64_t{index[d]} * std::int64_t{map.element_strides[d]};
            if (at < 0 || at > map.extents[d])
                row.inside = false;
            row.address += static_cast<std::uint64_t>(at) * map.strides[d - 1];
        }
        std::int64_t from = coordinates[0], to = from + map.box[0],
                     limit = std::int64_t{map.extents[0]} + 1;
        std::int64_t lo = from < 0 ? 0 : from, hi = to > limit ? limit : to;
        if (hi <= lo) {
            row.inside = false;
        } else {
            row.first = static_cast<std::uint32_t>((lo - from) * element);
            row.count = static_cast<std::uint32_t>((hi - lo) * element);
            row.address += static_cast<std::uint64_t>(lo) * element;
        }
        if (!row.inside)
            row.first = row.count = 0;
        f(row);
        for (unsigned d = 1; d < map.rank; ++d) {
            if (++index[d] < map.count(d))
                break;
            index[d] = 0;
        }
    }
}

} // namespace cudasim
