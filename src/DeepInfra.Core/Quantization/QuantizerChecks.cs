// SPDX-License-Identifier: MIT
using System.Numerics;

namespace DeepInfra.Core.Quantization;

/// <summary>Argument checks of <see cref="Quantizer"/>.</summary>
internal static class QuantizerChecks
{
    public const int SmallestGranularity = 16;
    public const int LargestGranularity = QuantizeBlock.Piece;

    public static void Values(Tensor tensor, string name, int minimumRank)
    {
        ArgumentNullException.ThrowIfNull(tensor, name);
        ObjectDisposedException.ThrowIf(tensor.IsDisposed, tensor);
        if (tensor.DType is not (DType.Float32 or DType.BFloat16))
            throw new ArgumentException(
                $"{name}: expected Float32 or BFloat16, got {tensor.DType}",
                name
            );
        if (tensor.Rank < minimumRank)
            throw new ArgumentException(
                $"{name}: expected at least {minimumRank} dimensions, got {tensor.Shape}",
                name
            );
        OnCpu(tensor, name);
    }

    public static CodeFormat Codes(Tensor data, Shape shape, string name)
    {
        ArgumentNullException.ThrowIfNull(data, name);
        ObjectDisposedException.ThrowIf(data.IsDisposed, data);
        var format = FormatOf(data.DType, name);
        Shape(data, shape, name);
        UnitInnerStride(data, name);
        OnCpu(data, name);
        return format;
    }

    public static void PackedCodes(Tensor data, Shape shape, string name)
    {
        ArgumentNullException.ThrowIfNull(data, name);
        ObjectDisposedException.ThrowIf(data.IsDisposed, data);
        if (data.DType != DType.UInt8)
            throw new ArgumentException(
                $"{name}: expected UInt8 with two codes per byte, got {data.DType}",
                name
            );
        Shape(data, shape, name);
        UnitInnerStride(data, name);
        OnCpu(data, name);
    }

    /// <param name="scales">The tensor.</param>
    /// <param name="unpacked">The shape with one scale per element.</param>
    /// <param name="kDimension">The dimension that packing shortens; null if packing has no meaning.</param>
    /// <param name="name">Name of the argument.</param>
    public static void Scales(Tensor scales, Shape unpacked, int? kDimension, string name)
    {
        ArgumentNullException.ThrowIfNull(scales, name);
        ObjectDisposedException.ThrowIf(scales.IsDisposed, scales);
        var allowed =
            scales.DType is DType.Float32 or DType.Float8E8M0
            || (scales.DType == DType.Int32 && kDimension is not null);
        if (!allowed)
            throw new ArgumentException(
                kDimension is null
                    ? $"{name}: expected Float32 or Float8E8M0, got {scales.DType}"
                    : $"{name}: expected Float32, Float8E8M0 or Int32 (packed), got {scales.DType}",
                name
            );
        Shape(scales, ScaleShape(unpacked, kDimension, scales.DType), name);
        OnCpu(scales, name);
    }

    public static Shape ScaleShape(Shape unpacked, int? kDimension, DType dtype) =>
        dtype == DType.Int32 && kDimension is { } k
            ? unpacked.With(k, (unpacked[k] + 3) / 4)
            : unpacked;

    public static void Granularity(int value, string name)
    {
        if (value is < SmallestGranularity or > LargestGranularity || !BitOperations.IsPow2(value))
            throw new ArgumentOutOfRangeException(
                name,
                $"{name}: expected a power of two in [{SmallestGranularity},{LargestGranularity}], got {value}"
            );
    }

    public static CodeFormat FormatOf(DType dtype, string name) =>
        dtype switch
        {
            DType.Float8E4M3 => CodeFormat.E4M3,
            DType.Float8E5M2 => CodeFormat.E5M2,
            _ => throw new ArgumentException(
                $"{name}: expected Float8E4M3 or Float8E5M2, got {dtype}",
                name
            ),
        };

    /// <summary>What is written must share no memory with what is read, nor with itself.</summary>
    /// <param name="values">Input of quantisation, output of dequantisation.</param>
    /// <param name="data">The codes.</param>
    /// <param name="scales">The scales.</param>
    /// <param name="isQuantizing">Which of the two it is.</param>
    public static void Disjoint(Tensor values, Tensor data, Tensor scales, bool isQuantizing)
    {
        var name = isQuantizing ? "x" : "destination";
        Disjoint(data, "data", values, name);
        Disjoint(scales, "scales", values, name);
        if (isQuantizing)
        {
            Disjoint(scales, "scales", data, "data");
            NoRepetition(data, "data");
            NoRepetition(scales, "scales");
        }
        else
            NoRepetition(values, name);
    }

    private static void Disjoint(Tensor tensor, string name, Tensor other, string otherName)
    {
        if (MemoryOverlap.Possible(tensor, other))
            throw new ArgumentException(
                $"{name}: expected memory of its own, got memory shared with {otherName}",
                name
            );
    }

    private static void NoRepetition(Tensor tensor, string name)
    {
        if (MemoryOverlap.WithinItself(tensor))
            throw new ArgumentException(
                $"{name}: expected strides that give every element its own address, got {tensor.Shape} with strides {tensor.Strides}",
                name
            );
    }

    private static void Shape(Tensor tensor, Shape expected, string name)
    {
        if (tensor.Shape != expected)
            throw new ArgumentException(
                $"{name}: expected shape {expected}, got {tensor.Shape}",
                name
            );
    }

    private static void UnitInnerStride(Tensor tensor, string name)
    {
        if (tensor.Rank > 0 && tensor.Shape[-1] > 1 && tensor.Strides[-1] != 1)
            throw new ArgumentException(
                $"{name}: expected innermost stride 1, got {tensor.Strides[-1]}",
                name
            );
    }

    private static void OnCpu(Tensor tensor, string name)
    {
        if (!tensor.Device.IsCpu)
            throw new NotSupportedException(
                $"{name}: the managed quantiser works on CPU tensors, got {tensor}"
            );
    }
}
