// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Numerics;

namespace DeepInfra.Core.Quantization;

/// <summary>
/// One scale per tile of the last two dimensions: tiles of one row are per-token quantisation, square tiles
/// per-block quantisation. Without a formula it dequantises. An item is a run of rows of tiles.
/// </summary>
internal readonly unsafe struct TileOperation : IQuantizeOperation
{
    // Elements per item: large enough to hide the cost of taking an item, small enough to balance.
    private const long ItemElements = 16 * 1024;

    private readonly byte* _source;
    private readonly byte* _data;
    private readonly RowLayout _sourceBatch;
    private readonly RowLayout _sourceRows;
    private readonly RowLayout _dataBatch;
    private readonly RowLayout _dataRows;
    private readonly RowLayout _scaleBatch;
    private readonly ScaleTarget _scales;
    private readonly ScaleFormula? _formula;
    private readonly long _sourceRowStride;
    private readonly long _dataRowStride;
    private readonly long _scaleRowStride;
    private readonly long _inner;
    private readonly long _rows;
    private readonly long _columns;
    private readonly long _tileRows;
    private readonly long _tilesPerBatch;
    private readonly long _tileRowCount;
    private readonly long _tileRowsPerItem;
    private readonly int _tileColumns;

    public TileOperation(
        Tensor source,
        Tensor data,
        Tensor scales,
        long tileRows,
        int tileColumns,
        ScaleFormula? formula
    )
    {
        _source = (byte*)source.DataPointer;
        _data = (byte*)data.DataPointer;
        _scales = new ScaleTarget(scales, kDimension: -1);
        _formula = formula;
        _sourceBatch = RowLayout.Leading(source, 2);
        _dataBatch = RowLayout.Leading(data, 2);
        _scaleBatch = RowLayout.Leading(scales, 2);
        _rows = source.Shape[-2];
        _columns = source.Shape[-1];
        _sourceRowStride = source.Strides[-2];
        _dataRowStride = data.Strides[-2];
        _scaleRowStride = scales.Strides[-2];
        _sourceRows = new RowLayout([_rows], new Strides(_sourceRowStride));
        _dataRows = new RowLayout([_rows], new Strides(_dataRowStride));
        _inner = source.Strides[-1];
        _tileRows = tileRows;
        _tileColumns = tileColumns;
        _tilesPerBatch = (_rows + tileRows - 1) / tileRows;
        _tileRowCount = _columns == 0 ? 0 : _sourceBatch.Count * _tilesPerBatch;
        _tileRowsPerItem = Math.Max(1, ItemElements / Math.Max(1, _columns * tileRows));
        ElementCount = source.ElementCount;
    }

    public int ItemCount =>
        checked((int)((_tileRowCount + _tileRowsPerItem - 1) / _tileRowsPerItem));

    public long ElementCount { get; }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, VF, VU, T, TFormat>(int item)
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct
        where T : unmanaged
        where TFormat : struct, ICodeFormat
    {
        var first = item * _tileRowsPerItem;
        var end = Math.Min(first + _tileRowsPerItem, _tileRowCount);
        for (var tileRow = first; tileRow < end; tileRow++)
        {
            var (batch, i) = Math.DivRem(tileRow, _tilesPerBatch);
            var row = i * _tileRows;
            var source = (T*)_source + _sourceBatch.OffsetOf(batch) + row * _sourceRowStride;
            var data = _data + _dataBatch.OffsetOf(batch) + row * _dataRowStride;
            var scaleOffset = _scaleBatch.OffsetOf(batch) + i * _scaleRowStride;
            var rows = Math.Min(_tileRows, _rows - row);
            if (IsPlainRow<TFormat>() && _formula is { } rowFormula)
            {
                QuantizeKernel<S, VF, VU, T, TFormat>.Row(
                    source,
                    data,
                    _columns,
                    _tileColumns,
                    rowFormula,
                    in _scales,
                    scaleOffset
                );
                _scales.Pad(scaleOffset, (_columns + _tileColumns - 1) / _tileColumns);
                continue;
            }
            long tile = 0;
            for (long column = 0; column < _columns; column += _tileColumns, tile++)
            {
                var values = source + column * _inner;
                var codes = data + (TFormat.IsPacked ? column / 2 : column);
                var count = Math.Min(_tileColumns, _columns - column);
                if (_formula is not { } formula)
                {
                    QuantizeBlock.Decode<S, VF, VU, T, TFormat>(
                        values,
                        in _sourceRows,
                        _inner,
                        codes,
                        in _dataRows,
                        rows,
                        count,
                        _scales.Read(scaleOffset, tile)
                    );
                    continue;
                }
                QuantizeBlock.Run<S, VF, VU, T, TFormat>(
                    values,
                    in _sourceRows,
                    _inner,
                    codes,
                    in _dataRows,
                    rows,
                    count,
                    formula,
                    out var scale,
                    out var exponent
                );
                _scales.Write(scaleOffset, tile, scale, exponent);
            }
            if (_formula is not null)
                _scales.Pad(scaleOffset, tile);
        }
    }

    private bool IsPlainRow<TFormat>()
        where TFormat : struct, ICodeFormat => _tileRows == 1 && _inner == 1 && !TFormat.IsPacked;
}
