// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Testing;

/// <summary>NumPy's names of element types. NumPy knows BF16 and FP8 only as opaque bytes.</summary>
internal static class NpyFormat
{
    public static ReadOnlySpan<byte> Magic =>
        [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    public static string DescriptorOf(DType dtype) =>
        dtype switch
        {
            DType.Float64 => "<f8",
            DType.Float32 => "<f4",
            DType.Float16 => "<f2",
            DType.Int8 => "|i1",
            DType.Int16 => "<i2",
            DType.Int32 => "<i4",
            DType.Int64 => "<i8",
            DType.UInt8 => "|u1",
            DType.UInt16 => "<u2",
            DType.UInt32 => "<u4",
            DType.UInt64 => "<u8",
            DType.Boolean => "|b1",
            DType.BFloat16 => "<V2",
            DType.Float8E4M3 or DType.Float8E5M2 or DType.Float8E8M0 => "|V1",
            _ => throw new NotSupportedException($"{dtype} has no NumPy name."),
        };

    /// <summary>True if data with this descriptor can be read as the element type.</summary>
    public static bool Accepts(DType dtype, string descriptor) =>
        descriptor == DescriptorOf(dtype)
        || dtype switch
        {
            DType.BFloat16 => descriptor is "<u2" or "|V2",
            DType.Float8E4M3 or DType.Float8E5M2 or DType.Float8E8M0 => descriptor is "|u1",
            _ => false,
        };
}
