// SPDX-License-Identifier: MIT
using System.Collections;
using System.Runtime.CompilerServices;

namespace DeepInfra.Core;

/// <summary>
/// The extents of a tensor, outermost first, rank 0 to <see cref="MaxRank"/>. A value type without
/// heap storage; write it as a collection expression: <c>Shape s = [2, 3, 4];</c>
/// </summary>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public readonly struct Shape : IEquatable<Shape>, IEnumerable<long>
{
    /// <summary>Largest supported rank.</summary>
    public const int MaxRank = 8;

    private readonly Extents _extents;
    private readonly int _rank;

    /// <summary>Creates a shape from its extents.</summary>
    /// <param name="extents">Extents, outermost first, each at least 0.</param>
    /// <exception cref="ArgumentException">More than <see cref="MaxRank"/> extents.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An extent is negative, or the element count overflows.</exception>
    public Shape(params ReadOnlySpan<long> extents)
    {
        if (extents.Length > MaxRank)
            throw new ArgumentException(
                $"extents: expected at most {MaxRank} dimensions, got {extents.Length}",
                nameof(extents)
            );
        long count = 1;
        for (var i = 0; i < extents.Length; i++)
        {
            if (extents[i] < 0)
                throw new ArgumentOutOfRangeException(
                    nameof(extents),
                    $"extents[{i}]: expected a value >= 0, got {extents[i]}"
                );
            _extents[i] = extents[i];
            if (extents[i] != 0 && count > long.MaxValue / extents[i])
                throw new ArgumentOutOfRangeException(
                    nameof(extents),
                    "The number of elements does not fit in 63 bits."
                );
            count *= extents[i];
        }
        _rank = extents.Length;
    }

    /// <summary>Number of dimensions.</summary>
    public int Rank => _rank;

    /// <summary>Product of the extents; 1 for rank 0.</summary>
    public long ElementCount
    {
        get
        {
            long count = 1;
            for (var i = 0; i < _rank; i++)
                count *= _extents[i];
            return count;
        }
    }

    /// <summary>The extent of a dimension.</summary>
    /// <param name="dimension">0 is the outermost; negative counts from the end (-1 is the innermost).</param>
    /// <exception cref="ArgumentOutOfRangeException">No such dimension.</exception>
    public long this[int dimension] => _extents[Normalize(dimension)];

    /// <summary>Builder for collection expressions.</summary>
    /// <param name="extents">Extents, outermost first.</param>
    public static Shape Create(ReadOnlySpan<long> extents) => new(extents);

    /// <summary>Copies the extents.</summary>
    /// <param name="destination">At least <see cref="Rank"/> elements.</param>
    public void CopyTo(Span<long> destination)
    {
        for (var i = 0; i < _rank; i++)
            destination[i] = _extents[i];
    }

    /// <summary>The shape with one extent replaced.</summary>
    /// <param name="dimension">The dimension, negative counts from the end.</param>
    /// <param name="extent">The new extent.</param>
    public Shape With(int dimension, long extent)
    {
        Span<long> copy = stackalloc long[MaxRank];
        CopyTo(copy);
        copy[Normalize(dimension)] = extent;
        return new Shape(copy[.._rank]);
    }

    /// <summary>The shape without one dimension.</summary>
    /// <param name="dimension">The dimension to remove, negative counts from the end.</param>
    public Shape Without(int dimension)
    {
        var removed = Normalize(dimension);
        Span<long> copy = stackalloc long[MaxRank];
        var rank = 0;
        for (var i = 0; i < _rank; i++)
            if (i != removed)
                copy[rank++] = _extents[i];
        return new Shape(copy[..rank]);
    }

    /// <inheritdoc/>
    public bool Equals(Shape other)
    {
        if (_rank != other._rank)
            return false;
        for (var i = 0; i < _rank; i++)
            if (_extents[i] != other._extents[i])
                return false;
        return true;
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        for (var i = 0; i < _rank; i++)
            hash.Add(_extents[i]);
        return hash.ToHashCode();
    }

    /// <summary>Compares two shapes.</summary>
    /// <param name="left">A shape.</param>
    /// <param name="right">A shape.</param>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Compares two shapes.</summary>
    /// <param name="left">A shape.</param>
    /// <param name="right">A shape.</param>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <inheritdoc/>
    public override string ToString() => $"[{string.Join(',', this)}]";

    /// <inheritdoc/>
    public IEnumerator<long> GetEnumerator()
    {
        for (var i = 0; i < _rank; i++)
            yield return _extents[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    internal int Normalize(int dimension)
    {
        var index = dimension < 0 ? dimension + _rank : dimension;
        return (uint)index < (uint)_rank
            ? index
            : throw new ArgumentOutOfRangeException(
                nameof(dimension),
                $"dimension: expected a value in [{-_rank},{_rank - 1}], got {dimension}"
            );
    }

    [InlineArray(MaxRank)]
    private struct Extents
    {
        private long _first;
    }
}
