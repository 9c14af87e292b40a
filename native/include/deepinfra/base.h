// SPDX-License-Identifier: MIT
// What every native library of DeepInfra shares: status codes, the error record, the table of
// layouts, the driver.
//
// Rules of the whole C ABI: a function that can fail returns di_status; outputs come last and by
// pointer; sizes are counts of elements unless the name ends in _bytes; a parameter block begins
// with struct_size, grows only at its end, and missing tail fields count as zero. Thread safety
// stands in brackets: [any] any threads at once, [per-handle] one thread per handle, [init] once,
// before other calls.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define DI_API __declspec(dllexport)
#else
#define DI_API __attribute__((visibility("default")))
#endif

// Result of a call, one of di_status_code.
// @enum: di_status_code
typedef int32_t di_status;

// What can become of a call.
// @name: NativeStatus
enum di_status_code {
    // Done, or enqueued where the function says so.
    DI_STATUS_OK = 0,
    // An argument is not what the function asks for; the message names it, what was expected and
    // what came.
    DI_STATUS_INVALID_ARGUMENT = 1,
    // The arguments are valid, but this combination, device or build cannot do it.
    DI_STATUS_NOT_SUPPORTED = 2,
    // Host or device memory ran out.
    DI_STATUS_OUT_OF_MEMORY = 3,
    // The driver reported an error; native_code is the CUresult.
    DI_STATUS_DEVICE_ERROR = 4,
    // A kernel did not compile.
    DI_STATUS_COMPILATION_FAILED = 5,
    // A deadline passed.
    DI_STATUS_TIMEOUT = 6,
    // The caller cancelled.
    DI_STATUS_CANCELLED = 7,
    // The operating system reported an error; native_code is errno.
    DI_STATUS_IO_ERROR = 8,
    // A peer sent what it must not send.
    DI_STATUS_PROTOCOL_ERROR = 9,
    // Caller and library were built for different versions of this ABI.
    DI_STATUS_ABI_MISMATCH = 10,
    // A defect of the library.
    DI_STATUS_INTERNAL = 11,
};

// Details of the last failure on the calling thread.
typedef struct di_error_info {
    // Size of this record as the caller knows it, set by the caller.
    uint32_t struct_size;
    // The status that the failing call returned; DI_STATUS_OK if none failed yet.
    di_status status;
    // CUresult or errno, 0 where neither applies.
    int32_t native_code;
    // Line in the source file below.
    int32_t line;
    // Source file of the library, UTF-8, terminated by zero.
    char file[64];
    // What went wrong, UTF-8, terminated by zero.
    char message[1024];
} di_error_info;

// One field of one type that crosses this ABI.
typedef struct di_abi_field {
    // Name of the type, UTF-8, terminated by zero.
    const char* type_name;
    // Name of the field, UTF-8, terminated by zero.
    const char* field_name;
    // Size of the type in bytes.
    uint32_t type_size;
    // Distance of the field from the beginning of the type in bytes.
    uint32_t field_offset;
} di_abi_field;

// A CUDA stream of the driver (CUstream); null is the legacy default stream.
// @handle: SafeStreamHandle
typedef struct di_stream_t* di_stream;

// Properties of a driver that has been handed over.
enum di_driver_flags {
    // The driver is the simulator: kernels run in their host build.
    DI_DRIVER_SIMULATOR = 1,
};

// A CUDA driver, or the simulator in its place.
typedef struct di_driver {
    // Size of this record as the caller knows it, set by the caller.
    uint32_t struct_size;
    // Any of di_driver_flags.
    uint32_t flags;
    // The driver's cuGetProcAddress_v2, through which the library finds every other entry point.
    void* get_proc_address;
} di_driver;

#ifdef __cplusplus
}
#endif
