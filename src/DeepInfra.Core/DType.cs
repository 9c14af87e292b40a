// SPDX-License-Identifier: MIT
namespace DeepInfra.Core;

/// <summary>Element types of tensors. The names follow DLPack and the field's usage.</summary>
public enum DType : byte
{
    /// <summary>IEEE binary64.</summary>
    Float64,

    /// <summary>IEEE binary32.</summary>
    Float32,

    /// <summary>IEEE binary16 (<see cref="Half"/>).</summary>
    Float16,

    /// <summary>Upper half of binary32 (<see cref="Core.BFloat16"/>).</summary>
    BFloat16,

    /// <summary>1-4-3 bits, bias 7, finite only, NaN 0x7F/0xFF (<see cref="Core.Float8E4M3"/>).</summary>
    Float8E4M3,

    /// <summary>1-5-2 bits, bias 15, IEEE-like (<see cref="Core.Float8E5M2"/>).</summary>
    Float8E5M2,

    /// <summary>Eight exponent bits, the scale format UE8M0 (<see cref="Core.Float8E8M0"/>).</summary>
    Float8E8M0,

    /// <summary>1-2-1 bits (<see cref="Core.Float4E2M1"/>); tensors hold it packed, two codes per <see cref="UInt8"/>.</summary>
    Float4E2M1,

    /// <summary>Signed 8-bit integer.</summary>
    Int8,

    /// <summary>Signed 16-bit integer.</summary>
    Int16,

    /// <summary>Signed 32-bit integer.</summary>
    Int32,

    /// <summary>Signed 64-bit integer.</summary>
    Int64,

    /// <summary>Unsigned 8-bit integer; raw bytes.</summary>
    UInt8,

    /// <summary>Unsigned 16-bit integer.</summary>
    UInt16,

    /// <summary>Unsigned 32-bit integer.</summary>
    UInt32,

    /// <summary>Unsigned 64-bit integer.</summary>
    UInt64,

    /// <summary>One byte, 0 or 1.</summary>
    Boolean,
}
