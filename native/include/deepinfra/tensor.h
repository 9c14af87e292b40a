// SPDX-License-Identifier: MIT
// Tensors as they cross the C ABI: the layout of DLPack 1.x.
#pragma once

#include <stdint.h>

#include "deepinfra/base.h"

#ifdef __cplusplus
extern "C" {
#endif

// The largest number of dimensions.
#define DI_MAX_RANK 8

// Where memory lies; values are DLPack's.
// @managed: DLDeviceType
enum di_device_type {
    DI_DEVICE_CPU = 1,
    DI_DEVICE_CUDA = 2,
    DI_DEVICE_CUDA_HOST = 3,
    DI_DEVICE_CUDA_MANAGED = 13,
};

// Kinds of numbers; values are DLPack's.
// @managed: DLDataTypeCode
enum di_dtype_code {
    DI_DTYPE_INT = 0,
    DI_DTYPE_UINT = 1,
    DI_DTYPE_FLOAT = 2,
    DI_DTYPE_BFLOAT = 4,
    DI_DTYPE_COMPLEX = 5,
    DI_DTYPE_BOOL = 6,
    DI_DTYPE_F8_E4M3FN = 10,
    DI_DTYPE_F8_E5M2 = 12,
    DI_DTYPE_F8_E8M0FNU = 14,
    DI_DTYPE_F4_E2M1FN = 17,
};

// A device.
// @managed: DLDevice
typedef struct di_device {
    // One of di_device_type.
    int32_t type;
    // Ordinal among the devices of that type.
    int32_t id;
} di_device;

// An element type.
// @managed: DLDataType
typedef struct di_dtype {
    // One of di_dtype_code.
    uint8_t code;
    // Bits of one number.
    uint8_t bits;
    // Numbers per element, 1 everywhere here.
    uint16_t lanes;
} di_dtype;

// A borrowed view of memory. The callee keeps neither the record nor the arrays it points to.
// @managed: DLTensor
typedef struct di_tensor {
    // Start of the memory; null if the tensor has no element.
    void* data;
    // Where the memory lies.
    di_device device;
    // Number of dimensions, 0 to DI_MAX_RANK.
    int32_t ndim;
    // Type of the elements.
    di_dtype dtype;
    // [ndim] extents, none negative.
    int64_t* shape;
    // [ndim] distances in elements; null means compact row-major.
    int64_t* strides;
    // Distance of the first element from data in bytes.
    uint64_t byte_offset;
} di_tensor;

#ifdef __cplusplus
}
#endif
