// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DeepInfra.Core;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>Conversion of rows between their element type and float32.</summary>
internal static unsafe class RowConvert
{
    public static bool IsFloat(DType dtype) =>
        dtype is DType.Float32 or DType.BFloat16 or DType.Float16;

    /// <summary>Reads <paramref name="count"/> contiguous elements.</summary>
    public static void ToFloat(DType dtype, void* source, float* destination, int count)
    {
        switch (dtype)
        {
            case DType.Float32:
                new ReadOnlySpan<float>(source, count).CopyTo(new Span<float>(destination, count));
                break;
            case DType.BFloat16:
                WidenBFloat16((ushort*)source, destination, count);
                break;
            default:
                var half = (Half*)source;
                for (var i = 0; i < count; i++)
                    destination[i] = (float)half[i];
                break;
        }
    }

    /// <summary>Writes <paramref name="count"/> contiguous elements, rounding to nearest even.</summary>
    public static void FromFloat(DType dtype, float* source, void* destination, int count)
    {
        switch (dtype)
        {
            case DType.Float32:
                new ReadOnlySpan<float>(source, count).CopyTo(new Span<float>(destination, count));
                break;
            case DType.BFloat16:
                NarrowBFloat16(source, (ushort*)destination, count);
                break;
            default:
                var half = (Half*)destination;
                for (var i = 0; i < count; i++)
                    half[i] = (Half)source[i];
                break;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void WidenBFloat16(ushort* source, float* destination, int count)
    {
        var i = 0;
        if (Vector128.IsHardwareAccelerated)
            for (; i <= count - 8; i += 8)
            {
                var (low, high) = Vector128.Widen(Vector128.Load(source + i));
                (low << 16).AsSingle().Store(destination + i);
                (high << 16).AsSingle().Store(destination + i + 4);
            }
        for (; i < count; i++)
            destination[i] = BitConverter.UInt32BitsToSingle((uint)source[i] << 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void NarrowBFloat16(float* source, ushort* destination, int count)
    {
        var i = 0;
        if (Vector256.IsHardwareAccelerated)
            for (; i <= count - 16; i += 16)
                Vector256
                    .Narrow(
                        Round(Vector256.Load(source + i)),
                        Round(Vector256.Load(source + i + 8))
                    )
                    .Store(destination + i);
        for (; i < count; i++)
            destination[i] = ((BFloat16)source[i]).Bits;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Round(Vector256<float> value)
    {
        var bits = value.AsUInt32();
        var rounded =
            (bits + Vector256.Create(0x7FFFu) + ((bits >> 16) & Vector256<uint>.One)) >> 16;
        return Vector256.ConditionalSelect(
            Vector256.Equals(value, value).AsUInt32(),
            rounded,
            Vector256.Create(0x7FFFu)
        );
    }
}
