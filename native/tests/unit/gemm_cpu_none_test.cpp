// SPDX-License-Identifier: MIT
// The library as other processors see it, built without its kernel.
#include "gemm_cpu_product.h"

namespace di::test {
namespace {

TEST(GemmCpuWithoutKernel, Says_so) { EXPECT_EQ(di_gemm_cpu_kernels(), 0u); }

TEST(GemmCpuWithoutKernel, A_right_call_is_not_supported) {
    Product product(20, 128, 32, true, true);

    EXPECT_EQ(product.run(), DI_STATUS_NOT_SUPPORTED);

    EXPECT_NE(last_message().find("AVX512-BF16"), std::string::npos) << last_message();
    for (size_t i = 0; i < product.tiles.size(); i++)
        ASSERT_EQ(product.tiles[i], kUntouched);
}

TEST(GemmCpuWithoutKernel, A_wrong_call_is_refused_for_what_is_wrong_with_it) {
    Product product(20, 128, 32, true, true);
    product.params.depth = 0;

    EXPECT_EQ(product.run(), DI_STATUS_INVALID_ARGUMENT);

    EXPECT_NE(last_message().find("depth"), std::string::npos) << last_message();
}

} // namespace
} // namespace di::test
