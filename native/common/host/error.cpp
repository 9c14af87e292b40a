// SPDX-License-Identifier: MIT
#include "common/host/error.h"

#include <algorithm>
#include <cstring>

namespace di {
namespace {

thread_local di_error_info last_error{sizeof(di_error_info), DI_STATUS_OK, 0, 0, {}, {}};

// Copies as much as fits, without cutting a UTF-8 sequence in two.
template <size_t Size> void copy_text(char (&destination)[Size], std::string_view text) noexcept {
    size_t length = std::min(text.size(), Size - 1);
    if (length < text.size())
        while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80)
            length--;
    std::memcpy(destination, text.data(), length);
    std::memset(destination + length, 0, Size - length);
}

} // namespace

void record_error(di_status status, int32_t native_code, std::string_view message,
                  const std::source_location& where) noexcept {
    last_error.status = status;
    last_error.native_code = native_code;
    last_error.line = static_cast<int32_t>(where.line());
    std::string_view file = where.file_name();
    const size_t slash = file.rfind('/');
    copy_text(last_error.file, slash == std::string_view::npos ? file : file.substr(slash + 1));
    copy_text(last_error.message, message);
}

di_status read_error(di_error_info* out) noexcept {
    // The record stays as it is even if the request is wrong: it is what the caller is after.
    if (out == nullptr || out->struct_size < sizeof(di_error_info))
        return DI_STATUS_INVALID_ARGUMENT;
    const uint32_t size = out->struct_size;
    std::memcpy(out, &last_error, sizeof(di_error_info));
    out->struct_size = size;
    std::memset(reinterpret_cast<char*>(out) + sizeof(di_error_info), 0,
                size - sizeof(di_error_info));
    return DI_STATUS_OK;
}

} // namespace di
