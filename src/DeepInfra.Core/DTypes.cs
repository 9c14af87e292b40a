// SPDX-License-Identifier: MIT
namespace DeepInfra.Core;

/// <summary>Facts about <see cref="DType"/> values. Thread-safe.</summary>
public static class DTypes
{
    /// <summary>Bits per element.</summary>
    /// <param name="dtype">The element type.</param>
    /// <exception cref="ArgumentOutOfRangeException">The value is not a defined element type.</exception>
    public static int BitsOf(DType dtype) =>
        dtype switch
        {
            DType.Float64 or DType.Int64 or DType.UInt64 => 64,
            DType.Float32 or DType.Int32 or DType.UInt32 => 32,
            DType.Float16 or DType.BFloat16 or DType.Int16 or DType.UInt16 => 16,
            DType.Float8E4M3 or DType.Float8E5M2 or DType.Float8E8M0 => 8,
            DType.Int8 or DType.UInt8 or DType.Boolean => 8,
            DType.Float4E2M1 => 4,
            _ => throw new ArgumentOutOfRangeException(
                nameof(dtype),
                dtype,
                "Not an element type."
            ),
        };

    /// <summary>Bytes per element of a type that tensors can hold.</summary>
    /// <param name="dtype">The element type.</param>
    /// <exception cref="NotSupportedException"><see cref="DType.Float4E2M1"/>, which is stored packed in <see cref="DType.UInt8"/> tensors.</exception>
    public static int SizeInBytes(DType dtype)
    {
        var bits = BitsOf(dtype);
        return bits >= 8
            ? bits / 8
            : throw new NotSupportedException(
                $"{dtype} elements are packed two to a byte; use a UInt8 tensor."
            );
    }

    /// <summary>The element type that corresponds to a .NET type.</summary>
    /// <typeparam name="T">An element type such as <see cref="float"/> or <see cref="BFloat16"/>.</typeparam>
    /// <exception cref="NotSupportedException">The .NET type has no corresponding element type.</exception>
    public static DType Of<T>()
        where T : unmanaged
    {
        if (typeof(T) == typeof(float))
            return DType.Float32;
        if (typeof(T) == typeof(BFloat16))
            return DType.BFloat16;
        if (typeof(T) == typeof(Float8E4M3))
            return DType.Float8E4M3;
        if (typeof(T) == typeof(Float8E5M2))
            return DType.Float8E5M2;
        if (typeof(T) == typeof(Float8E8M0))
            return DType.Float8E8M0;
        if (typeof(T) == typeof(double))
            return DType.Float64;
        if (typeof(T) == typeof(Half))
            return DType.Float16;
        if (typeof(T) == typeof(sbyte))
            return DType.Int8;
        if (typeof(T) == typeof(short))
            return DType.Int16;
        if (typeof(T) == typeof(int))
            return DType.Int32;
        if (typeof(T) == typeof(long))
            return DType.Int64;
        if (typeof(T) == typeof(byte))
            return DType.UInt8;
        if (typeof(T) == typeof(ushort))
            return DType.UInt16;
        if (typeof(T) == typeof(uint))
            return DType.UInt32;
        if (typeof(T) == typeof(ulong))
            return DType.UInt64;
        if (typeof(T) == typeof(bool))
            return DType.Boolean;
        throw new NotSupportedException($"No tensor element type corresponds to {typeof(T)}.");
    }
}
