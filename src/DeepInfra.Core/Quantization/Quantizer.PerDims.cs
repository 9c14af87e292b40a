// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;

namespace DeepInfra.Core.Quantization;

public static partial class Quantizer
{
    /// <summary>One scale per index of the kept dimensions, over all others.</summary>
    /// <param name="x">Any shape of rank 1 or more.</param>
    /// <param name="keepDims">Dimensions that keep scales of their own, ascending, negative counts from the end; empty for one scale in all.</param>
    /// <param name="ue8m0">Round scales up to powers of two.</param>
    /// <param name="format">Float8E4M3 or Float8E5M2.</param>
    /// <param name="options">Threads and SIMD tier; null is the process default.</param>
    /// <returns>Codes of the shape of <paramref name="x"/>; scales with the kept extents.</returns>
    /// <exception cref="ArgumentException">Wrong element type or rank, or the dimensions are not ascending.</exception>
    /// <exception cref="NotSupportedException">The tensor is not on the CPU.</exception>
    public static QuantizedTensor QuantizePerDims(
        Tensor x,
        ReadOnlySpan<int> keepDims,
        bool ue8m0 = false,
        DType format = DType.Float8E4M3,
        CpuBackendOptions? options = null
    )
    {
        QuantizerChecks.Values(x, nameof(x), 1);
        QuantizerChecks.FormatOf(format, nameof(format));
        var result = Allocate(format, x.Shape, KeptShape(x.Shape, keepDims), null, packed: false);
        QuantizePerDims(x, keepDims, result.Data, result.Scales, ue8m0, ScaleRule.Divide, options);
        return result;
    }

    /// <summary>One scale per index of the kept dimensions, into given tensors.</summary>
    /// <param name="x">Any shape of rank 1 or more.</param>
    /// <param name="keepDims">Dimensions that keep scales of their own, ascending, negative counts from the end.</param>
    /// <param name="data">Codes of the shape of <paramref name="x"/>, Float8E4M3 or Float8E5M2.</param>
    /// <param name="scales">The kept extents, Float32 or Float8E8M0.</param>
    /// <param name="ue8m0">Round scales up to powers of two; implied by Float8E8M0 scales.</param>
    /// <param name="rule">The scale formula.</param>
    /// <param name="options">Threads and SIMD tier; null is the process default.</param>
    /// <exception cref="ArgumentException">Wrong element type, shape or stride, or the dimensions are not ascending.</exception>
    /// <exception cref="NotSupportedException">A tensor is not on the CPU.</exception>
    public static void QuantizePerDims(
        Tensor x,
        ReadOnlySpan<int> keepDims,
        Tensor data,
        Tensor scales,
        bool ue8m0 = false,
        ScaleRule rule = ScaleRule.Divide,
        CpuBackendOptions? options = null
    )
    {
        QuantizerChecks.Values(x, nameof(x), 1);
        var keptShape = KeptShape(x.Shape, keepDims);
        var format = QuantizerChecks.Codes(data, x.Shape, nameof(data));
        QuantizerChecks.Scales(scales, keptShape, kDimension: null, nameof(scales));
        RunDims(x, keepDims, data, scales, FormulaOf(rule, ue8m0, scales), format, options);
    }

    // Without a formula it dequantises.
    private static void RunDims(
        Tensor x,
        ReadOnlySpan<int> keepDims,
        Tensor data,
        Tensor scales,
        ScaleFormula? formula,
        CodeFormat format,
        CpuBackendOptions? options
    )
    {
        QuantizerChecks.Disjoint(x, data, scales, isQuantizing: formula is not null);
        Span<int> kept = stackalloc int[Shape.MaxRank];
        Span<int> reduced = stackalloc int[Shape.MaxRank];
        var (keptCount, reducedCount) = (0, 0);
        for (var i = 0; i < x.Rank - 1; i++)
        {
            if (IsKept(x.Shape, keepDims, i))
                kept[keptCount++] = i;
            else
                reduced[reducedCount++] = i;
        }
        kept = kept[..keptCount];
        reduced = reduced[..reducedCount];
        if (IsKept(x.Shape, keepDims, x.Rank - 1))
        {
            var columns = new ColumnOperation(x, data, scales, kept, reduced, formula);
            QuantizeDispatch.Run(in columns, x.DType, format, options);
        }
        else
        {
            var groups = new GroupOperation(x, data, scales, kept, reduced, formula);
            QuantizeDispatch.Run(in groups, x.DType, format, options);
        }
        KeepAlive(x, data, scales);
    }

    private static Shape KeptShape(Shape shape, ReadOnlySpan<int> keepDims)
    {
        Span<long> extents = stackalloc long[Shape.MaxRank];
        var previous = -1;
        for (var i = 0; i < keepDims.Length; i++)
        {
            var dimension = keepDims[i] < 0 ? keepDims[i] + shape.Rank : keepDims[i];
            if (dimension <= previous || dimension >= shape.Rank)
                throw new ArgumentException(
                    $"keepDims: expected ascending dimensions of a tensor of rank {shape.Rank}, got {string.Join(',', keepDims.ToArray())}",
                    nameof(keepDims)
                );
            extents[i] = shape[dimension];
            previous = dimension;
        }
        return new Shape(extents[..keepDims.Length]);
    }

    private static bool IsKept(Shape shape, ReadOnlySpan<int> keepDims, int dimension) =>
        keepDims.Contains(dimension) || keepDims.Contains(dimension - shape.Rank);
}
