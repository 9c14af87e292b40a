// SPDX-License-Identifier: MIT
// Turning something wrong into a report and ending the launch.
#pragma once

#include <cstdarg>
#include <string>

#include "core/launch.h"
#include "core/worker.h"

namespace cudasim {

// Unwinds the scheduler's stack after a failure that was found there.
struct LaunchFailed {};

std::string format(const char* text, ...) __attribute__((format(printf, 1, 2)));

// "block (1,0,0) thread (37,0,0) [warp 1 lane 5]".
std::string name_of(const Thread* t);
// "function+0x12 at file.cu:34" as far as can be known.
std::string place_of(const void* code);

// Fails the launch of the current thread and never returns.
// caller is the return address of the device code.
[[noreturn]] void fail(Thread* t, const void* caller, const char* kind, const char* text, ...)
    __attribute__((format(printf, 4, 5)));
[[noreturn]] void fail_text(Thread* t, const void* caller, const char* kind, std::string text);
// The same from where there is no current thread.
[[noreturn]] void fail_launch(Launch& launch, Worker& worker, const char* kind, std::string text);

} // namespace cudasim
