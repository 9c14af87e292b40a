// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.Core.Quantization;

/// <summary>Several dimensions of a strided tensor flattened into one index.</summary>
internal readonly struct RowLayout
{
    private readonly Shape _shape;
    private readonly Strides _strides;
    private readonly long _uniformStride;
    private readonly bool _isUniform;

    public RowLayout(Shape shape, Strides strides)
    {
        _shape = shape;
        _strides = strides;
        Count = 1;
        _isUniform = true;
        for (var i = shape.Rank - 1; i >= 0; i--)
        {
            if (shape[i] == 1)
                continue;
            if (Count == 1)
                _uniformStride = strides[i];
            else if (strides[i] != _uniformStride * Count)
                _isUniform = false;
            Count *= shape[i];
        }
    }

    /// <summary>Number of indices.</summary>
    public long Count { get; }

    /// <summary>The leading dimensions of a tensor without the last <paramref name="innerRank"/> ones.</summary>
    public static RowLayout Leading(Tensor tensor, int innerRank)
    {
        Span<int> dimensions = stackalloc int[Shape.MaxRank];
        var rank = tensor.Rank - innerRank;
        for (var i = 0; i < rank; i++)
            dimensions[i] = i;
        return Of(tensor, dimensions[..rank]);
    }

    /// <summary>Some dimensions of a tensor, in the given order.</summary>
    public static RowLayout Of(Tensor tensor, ReadOnlySpan<int> dimensions)
    {
        Span<long> extents = stackalloc long[Shape.MaxRank];
        Span<long> steps = stackalloc long[Shape.MaxRank];
        for (var i = 0; i < dimensions.Length; i++)
        {
            extents[i] = tensor.Shape[dimensions[i]];
            steps[i] = tensor.Strides[dimensions[i]];
        }
        return new RowLayout(
            new Shape(extents[..dimensions.Length]),
            new Strides(steps[..dimensions.Length])
        );
    }

    /// <summary>Distance from the tensor's first element, in elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public long OffsetOf(long index) => _isUniform ? index * _uniformStride : Walk(index);

    private long Walk(long index)
    {
        long offset = 0;
        for (var i = _shape.Rank - 1; i >= 0; i--)
        {
            (index, var digit) = Math.DivRem(index, _shape[i]);
            offset += digit * _strides[i];
        }
        return offset;
    }
}
