// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>
/// Splits a copy between two strided arrays of one shape into pieces of rows: dimensions that are dense in both are merged first,
/// so that a contiguous copy is one row and a row-padded one is one piece of many rows.
/// </summary>
internal ref struct StridedCopy
{
    private readonly Span<long> _extents;
    private readonly Span<long> _source;
    private readonly Span<long> _destination;
    private readonly Span<long> _index;
    private readonly int _outer;
    private bool _started;

    /// <summary>Describes a copy. The spans are work space of at least rank + 1 elements each.</summary>
    public StridedCopy(
        Shape shape,
        Strides source,
        Strides destination,
        int elementBytes,
        Span<long> extents,
        Span<long> sourceStrides,
        Span<long> destinationStrides,
        Span<long> index
    )
    {
        var rank = 0;
        for (var i = 0; i < shape.Rank; i++)
        {
            if (shape[i] == 1)
                continue;
            if (
                rank > 0
                && sourceStrides[rank - 1] == shape[i] * source[i]
                && destinationStrides[rank - 1] == shape[i] * destination[i]
            )
                extents[rank - 1] *= shape[i];
            else
                extents[rank++] = shape[i];
            sourceStrides[rank - 1] = source[i];
            destinationStrides[rank - 1] = destination[i];
        }
        var isDense = rank > 0 && sourceStrides[rank - 1] == 1 && destinationStrides[rank - 1] == 1;
        RowBytes = (isDense ? extents[--rank] : 1) * elementBytes;
        // The last remaining dimension is the rows of a piece.
        if (rank > 0)
        {
            Rows = extents[--rank];
            SourcePitch = sourceStrides[rank] * elementBytes;
            DestinationPitch = destinationStrides[rank] * elementBytes;
        }
        else
        {
            Rows = 1;
            SourcePitch = DestinationPitch = RowBytes;
        }
        for (var i = 0; i < rank; i++)
        {
            sourceStrides[i] *= elementBytes;
            destinationStrides[i] *= elementBytes;
        }
        _outer = rank;
        _extents = extents[..rank];
        _source = sourceStrides[..rank];
        _destination = destinationStrides[..rank];
        _index = index[..rank];
        _index.Clear();
    }

    /// <summary>Bytes of a row.</summary>
    public long RowBytes { get; }

    /// <summary>Rows of a piece.</summary>
    public long Rows { get; }

    /// <summary>Bytes from row to row of the source.</summary>
    public long SourcePitch { get; }

    /// <summary>Bytes from row to row of the destination.</summary>
    public long DestinationPitch { get; }

    /// <summary>Byte offset of the current piece in the source.</summary>
    public long SourceOffset { get; private set; }

    /// <summary>Byte offset of the current piece in the destination.</summary>
    public long DestinationOffset { get; private set; }

    /// <summary>Goes to the next piece.</summary>
    public bool MoveNext()
    {
        if (!_started)
        {
            _started = true;
            return true;
        }
        for (var i = _outer - 1; i >= 0; i--)
        {
            SourceOffset += _source[i];
            DestinationOffset += _destination[i];
            if (++_index[i] < _extents[i])
                return true;
            SourceOffset -= _source[i] * _extents[i];
            DestinationOffset -= _destination[i] * _extents[i];
            _index[i] = 0;
        }
        return false;
    }
}
