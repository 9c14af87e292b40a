// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>Element types of tensor maps; values of <c>CUtensorMapDataType</c>. FP8 is copied as <see cref="UInt8"/>.</summary>
public enum TensorMapElementType
{
    /// <summary>8-bit integers, and every other 8-bit type.</summary>
    UInt8 = 0,

    /// <summary>16-bit unsigned integers.</summary>
    UInt16 = 1,

    /// <summary>32-bit unsigned integers.</summary>
    UInt32 = 2,

    /// <summary>32-bit integers.</summary>
    Int32 = 3,

    /// <summary>64-bit unsigned integers.</summary>
    UInt64 = 4,

    /// <summary>64-bit integers.</summary>
    Int64 = 5,

    /// <summary>IEEE half.</summary>
    Float16 = 6,

    /// <summary>IEEE single.</summary>
    Float32 = 7,

    /// <summary>IEEE double.</summary>
    Float64 = 8,

    /// <summary>bfloat16.</summary>
    BFloat16 = 9,

    /// <summary>IEEE single, subnormals flushed by reductions.</summary>
    Float32Ftz = 10,

    /// <summary>TF32: rounded when copied.</summary>
    TFloat32 = 11,

    /// <summary>TF32, subnormals flushed.</summary>
    TFloat32Ftz = 12,

    /// <summary>4-bit elements, 16 in 8 bytes. Needs CUDA 12.8.</summary>
    UInt4Packed = 13,

    /// <summary>4-bit elements, 16 in 16 bytes of shared memory. Needs CUDA 12.8.</summary>
    UInt4Padded = 14,

    /// <summary>6-bit elements, 16 in 16 bytes of shared memory. Needs CUDA 12.8.</summary>
    UInt6Padded = 15,
}
