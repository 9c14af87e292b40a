// SPDX-License-Identifier: MIT
// Failures inside a library: thrown as Error, turned into a status and a record at the C boundary.
#pragma once

#include <cstdint>
#include <new>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>

#include "deepinfra/base.h"

namespace di {

// A failure on its way to the C boundary.
struct Error {
    di_status status;
    int32_t native_code;
    std::string message;
    std::source_location where;

    Error(di_status status, std::string message, int32_t native_code = 0,
          std::source_location where = std::source_location::current())
        : status(status), native_code(native_code), message(std::move(message)), where(where) {}
};

// Texts and integers as one text.
template <typename... Parts> std::string join(const Parts&... parts) {
    std::string text;
    auto append = [&text](const auto& part) {
        if constexpr (std::is_arithmetic_v<std::remove_cvref_t<decltype(part)>>)
            text += std::to_string(part);
        else
            text += std::string_view(part);
    };
    (append(parts), ...);
    return text;
}

// Stores a failure as the calling thread's record. Never throws.
void record_error(di_status status, int32_t native_code, std::string_view message,
                  const std::source_location& where) noexcept;

// Copies the calling thread's record. Does not change it, whatever happens.
di_status read_error(di_error_info* out) noexcept;

// Runs the body of an entry point. Nothing is thrown across the C boundary.
template <typename Body> di_status guarded(Body&& body) noexcept {
    try {
        body();
        return DI_STATUS_OK;
    } catch (const Error& error) {
        record_error(error.status, error.native_code, error.message, error.where);
        return error.status;
    } catch (const std::bad_alloc&) {
        record_error(DI_STATUS_OUT_OF_MEMORY, 0, "host memory is exhausted",
                     std::source_location::current());
        return DI_STATUS_OUT_OF_MEMORY;
    } catch (...) {
        record_error(DI_STATUS_INTERNAL, 0, "an unexpected exception",
                     std::source_location::current());
        return DI_STATUS_INTERNAL;
    }
}

} // namespace di
