// SPDX-License-Identifier: MIT
#include <cstring>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "deepinfra/core.h"

namespace {

TEST(CoreAbi, Version_is_the_one_of_the_header) {
    EXPECT_EQ(di_core_abi_version(), DI_CORE_ABI_VERSION);
}

TEST(CoreAbi, Build_info_is_an_object_with_the_facts) {
    const std::string info = di_core_build_info();

    EXPECT_EQ(info.front(), '{');
    EXPECT_EQ(info.back(), '}');
    for (const char* key :
         {"\"version\":", "\"commit\":", "\"compiler\":", "\"cuda\":", "\"architectures\":["})
        EXPECT_NE(info.find(key), std::string::npos) << key;
}

TEST(CoreAbi, Layout_lists_every_type_once_per_field) {
    int32_t count = 0;
    const di_abi_field* fields = di_core_abi_layout(&count);

    std::set<std::string> names;
    for (int32_t i = 0; i < count; i++) {
        EXPECT_LT(fields[i].field_offset, fields[i].type_size);
        EXPECT_TRUE(
            names.insert(std::string(fields[i].type_name) + "." + fields[i].field_name).second);
    }
    EXPECT_TRUE(names.contains("di_tensor.byte_offset"));
    EXPECT_TRUE(names.contains("di_error_info.message"));
    EXPECT_TRUE(names.contains("di_core_quantize_params.granularity"));
}

TEST(CoreAbi, The_tensor_has_the_layout_of_DLPack) {
    EXPECT_EQ(sizeof(di_tensor), 48u);
    EXPECT_EQ(offsetof(di_tensor, device), 8u);
    EXPECT_EQ(offsetof(di_tensor, ndim), 16u);
    EXPECT_EQ(offsetof(di_tensor, dtype), 20u);
    EXPECT_EQ(offsetof(di_tensor, shape), 24u);
    EXPECT_EQ(offsetof(di_tensor, strides), 32u);
    EXPECT_EQ(offsetof(di_tensor, byte_offset), 40u);
}

TEST(CoreAbi, Last_error_refuses_null) {
    EXPECT_EQ(di_core_last_error(nullptr), DI_STATUS_INVALID_ARGUMENT);
}

} // namespace
