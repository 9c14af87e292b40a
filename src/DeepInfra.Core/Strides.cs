// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.Core;

/// <summary>Distances between neighbours along each dimension, in elements, outermost first.</summary>
public readonly struct Strides : IEquatable<Strides>
{
    private readonly Steps _steps;
    private readonly int _rank;

    /// <summary>Creates strides.</summary>
    /// <param name="steps">One step per dimension, in elements; 0 broadcasts, negative runs backwards.</param>
    /// <exception cref="ArgumentException">More than <see cref="Shape.MaxRank"/> steps.</exception>
    public Strides(params ReadOnlySpan<long> steps)
    {
        if (steps.Length > Shape.MaxRank)
            throw new ArgumentException(
                $"steps: expected at most {Shape.MaxRank} dimensions, got {steps.Length}",
                nameof(steps)
            );
        for (var i = 0; i < steps.Length; i++)
            _steps[i] = steps[i];
        _rank = steps.Length;
    }

    /// <summary>Number of dimensions.</summary>
    public int Rank => _rank;

    /// <summary>The step of a dimension in elements; negative indices count from the end.</summary>
    /// <param name="dimension">The dimension.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such dimension.</exception>
    public long this[int dimension]
    {
        get
        {
            var index = dimension < 0 ? dimension + _rank : dimension;
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(
                (uint)index,
                (uint)_rank,
                nameof(dimension)
            );
            return _steps[index];
        }
    }

    /// <summary>Compact row-major strides of a shape: the innermost step is 1.</summary>
    /// <param name="shape">The shape.</param>
    public static Strides RowMajor(Shape shape)
    {
        Span<long> steps = stackalloc long[Shape.MaxRank];
        long step = 1;
        for (var i = shape.Rank - 1; i >= 0; i--)
        {
            steps[i] = step;
            step *= Math.Max(1, shape[i]);
        }
        return new Strides(steps[..shape.Rank]);
    }

    /// <summary>Copies the steps.</summary>
    /// <param name="destination">At least <see cref="Rank"/> elements.</param>
    public void CopyTo(Span<long> destination)
    {
        for (var i = 0; i < _rank; i++)
            destination[i] = _steps[i];
    }

    /// <summary>True if elements of the shape lie in compact row-major order (extents of 0 and 1 are ignored).</summary>
    /// <param name="shape">The shape these strides belong to.</param>
    public bool IsRowMajor(Shape shape)
    {
        long step = 1;
        for (var i = shape.Rank - 1; i >= 0; i--)
        {
            var extent = shape[i];
            if (extent == 0)
                return true;
            if (extent != 1 && _steps[i] != step)
                return false;
            step *= extent;
        }
        return true;
    }

    /// <inheritdoc/>
    public bool Equals(Strides other)
    {
        if (_rank != other._rank)
            return false;
        for (var i = 0; i < _rank; i++)
            if (_steps[i] != other._steps[i])
                return false;
        return true;
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Strides other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        for (var i = 0; i < _rank; i++)
            hash.Add(_steps[i]);
        return hash.ToHashCode();
    }

    /// <summary>Compares two sets of strides.</summary>
    /// <param name="left">Strides.</param>
    /// <param name="right">Strides.</param>
    public static bool operator ==(Strides left, Strides right) => left.Equals(right);

    /// <summary>Compares two sets of strides.</summary>
    /// <param name="left">Strides.</param>
    /// <param name="right">Strides.</param>
    public static bool operator !=(Strides left, Strides right) => !left.Equals(right);

    /// <inheritdoc/>
    public override string ToString()
    {
        var parts = new long[_rank];
        CopyTo(parts);
        return $"[{string.Join(',', parts)}]";
    }

    [InlineArray(Shape.MaxRank)]
    private struct Steps
    {
        private long _first;
    }
}
