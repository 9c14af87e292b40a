// SPDX-License-Identifier: MIT
#include "common/host/params.h"

#include <gtest/gtest.h>

namespace di {
namespace {

struct Block {
    uint32_t struct_size;
    uint32_t first;
    uint64_t added_later;
};

di_status status_of(const Block* block, uint32_t minimum = 8) {
    return guarded([&] { read_params(block, "block", minimum); });
}

TEST(ReadParams, An_older_block_has_zero_in_the_fields_it_lacks) {
    const Block old{8, 7, 99};

    const Block read = read_params(&old, "block", 8);

    EXPECT_EQ(read.first, 7u);
    EXPECT_EQ(read.added_later, 0u);
}

TEST(ReadParams, A_newer_block_is_accepted_if_its_unknown_tail_is_zero) {
    struct Newer {
        Block block;
        uint64_t unknown;
    } newer{{sizeof(Newer), 1, 2}, 0};

    EXPECT_EQ(status_of(&newer.block), DI_STATUS_OK);
    newer.unknown = uint64_t{1} << 56;
    EXPECT_EQ(status_of(&newer.block), DI_STATUS_INVALID_ARGUMENT);
}

TEST(ReadParams, Null_short_and_absurd_blocks_are_refused) {
    const Block tiny{7, 0, 0};
    const Block wild{1u << 30, 0, 0};

    EXPECT_EQ(status_of(nullptr), DI_STATUS_INVALID_ARGUMENT);
    EXPECT_EQ(status_of(&tiny), DI_STATUS_INVALID_ARGUMENT);
    EXPECT_EQ(status_of(&wild), DI_STATUS_INVALID_ARGUMENT);
}

} // namespace
} // namespace di
