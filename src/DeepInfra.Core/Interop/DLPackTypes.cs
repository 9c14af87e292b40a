// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Interop;

/// <summary>Correspondence of element types.</summary>
internal static class DLPackTypes
{
    public static DLDataType FromDType(DType dtype)
    {
        var code = dtype switch
        {
            DType.Float64 or DType.Float32 or DType.Float16 => DLDataTypeCode.Float,
            DType.BFloat16 => DLDataTypeCode.BFloat,
            DType.Float8E4M3 => DLDataTypeCode.Float8E4M3Fn,
            DType.Float8E5M2 => DLDataTypeCode.Float8E5M2,
            DType.Float8E8M0 => DLDataTypeCode.Float8E8M0Fnu,
            DType.Float4E2M1 => DLDataTypeCode.Float4E2M1Fn,
            DType.Int8 or DType.Int16 or DType.Int32 or DType.Int64 => DLDataTypeCode.Int,
            DType.UInt8 or DType.UInt16 or DType.UInt32 or DType.UInt64 => DLDataTypeCode.UInt,
            DType.Boolean => DLDataTypeCode.Bool,
            _ => throw new ArgumentOutOfRangeException(
                nameof(dtype),
                dtype,
                "Not an element type."
            ),
        };
        return new DLDataType(code, (byte)DTypes.BitsOf(dtype), 1);
    }

    /// <summary>The element type; null if there is none. FP4 is <see cref="DType.Float4E2M1"/> whatever its lanes.</summary>
    public static DType? ToDType(DLDataType type)
    {
        if (type is { Code: DLDataTypeCode.Float4E2M1Fn, Bits: 4, Lanes: 1 or 2 })
            return DType.Float4E2M1;
        if (type.Lanes != 1)
            return null;
        return (type.Code, type.Bits) switch
        {
            (DLDataTypeCode.Float, 64) => DType.Float64,
            (DLDataTypeCode.Float, 32) => DType.Float32,
            (DLDataTypeCode.Float, 16) => DType.Float16,
            (DLDataTypeCode.BFloat, 16) => DType.BFloat16,
            (DLDataTypeCode.Float8E4M3Fn, 8) => DType.Float8E4M3,
            (DLDataTypeCode.Float8E5M2, 8) => DType.Float8E5M2,
            (DLDataTypeCode.Float8E8M0Fnu, 8) => DType.Float8E8M0,
            (DLDataTypeCode.Int, 8) => DType.Int8,
            (DLDataTypeCode.Int, 16) => DType.Int16,
            (DLDataTypeCode.Int, 32) => DType.Int32,
            (DLDataTypeCode.Int, 64) => DType.Int64,
            (DLDataTypeCode.UInt, 8) => DType.UInt8,
            (DLDataTypeCode.UInt, 16) => DType.UInt16,
            (DLDataTypeCode.UInt, 32) => DType.UInt32,
            (DLDataTypeCode.UInt, 64) => DType.UInt64,
            (DLDataTypeCode.Bool, 8) => DType.Boolean,
            _ => null,
        };
    }
}
