// SPDX-License-Identifier: MIT
#include "common/host/error.h"

#include <cstring>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

namespace di {
namespace {

di_error_info last() {
    di_error_info info{};
    info.struct_size = sizeof info;
    EXPECT_EQ(read_error(&info), DI_STATUS_OK);
    return info;
}

TEST(Guarded, Returns_the_status_of_an_error_and_records_its_place) {
    const di_status status =
        guarded([] { throw Error(DI_STATUS_TIMEOUT, join("waited ", 3, " s"), 42); });

    const di_error_info info = last();
    EXPECT_EQ(status, DI_STATUS_TIMEOUT);
    EXPECT_EQ(info.status, DI_STATUS_TIMEOUT);
    EXPECT_EQ(info.native_code, 42);
    EXPECT_STREQ(info.message, "waited 3 s");
    EXPECT_STREQ(info.file, "error_test.cpp");
    EXPECT_GT(info.line, 20);
}

TEST(Guarded, Success_leaves_the_record_of_the_last_failure) {
    guarded([] { throw Error(DI_STATUS_IO_ERROR, "first"); });

    EXPECT_EQ(guarded([] {}), DI_STATUS_OK);
    EXPECT_STREQ(last().message, "first");
}

TEST(Guarded, Foreign_exceptions_become_a_status) {
    EXPECT_EQ(guarded([] { throw std::bad_alloc(); }), DI_STATUS_OUT_OF_MEMORY);
    EXPECT_EQ(guarded([] { throw std::runtime_error("x"); }), DI_STATUS_INTERNAL);
    EXPECT_EQ(guarded([] { throw 1; }), DI_STATUS_INTERNAL);
}

TEST(Record, Belongs_to_its_thread) {
    guarded([] { throw Error(DI_STATUS_CANCELLED, "mine"); });

    std::thread([] { EXPECT_EQ(last().status, DI_STATUS_OK); }).join();
    EXPECT_STREQ(last().message, "mine");
}

TEST(Record, A_long_message_is_cut_before_a_whole_character) {
    std::string text(1022, 'a');
    text += "\xC3\xA4\xC3\xA4"; // two characters of two bytes; half of the first one would fit
    guarded([&] { throw Error(DI_STATUS_INTERNAL, text); });

    EXPECT_EQ(std::strlen(last().message), 1022u);
}

TEST(Record, A_null_or_short_destination_is_refused) {
    di_error_info info{};
    info.struct_size = sizeof info - 1;

    EXPECT_EQ(read_error(nullptr), DI_STATUS_INVALID_ARGUMENT);
    EXPECT_EQ(read_error(&info), DI_STATUS_INVALID_ARGUMENT);
}

TEST(Record, The_tail_of_a_newer_caller_is_zero) {
    struct {
        di_error_info info;
        char tail[8];
    } larger;
    std::memset(&larger, 0xFF, sizeof larger);
    larger.info.struct_size = sizeof larger;

    EXPECT_EQ(read_error(&larger.info), DI_STATUS_OK);
    EXPECT_EQ(larger.info.struct_size, sizeof larger);
    for (char byte : larger.tail)
        EXPECT_EQ(byte, 0);
}

} // namespace
} // namespace di
