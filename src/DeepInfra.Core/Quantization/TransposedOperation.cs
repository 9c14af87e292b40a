// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Cpu;
using DeepInfra.Core.Numerics;

namespace DeepInfra.Core.Quantization;

/// <summary>
/// Per-token quantisation of a transposed matrix: rows of the result are columns in memory. Strips of neighbouring
/// rows are reduced and encoded lane by lane, and the codes are transposed in blocks of bytes. An item is a strip of
/// rows of one tile of columns.
/// </summary>
internal readonly unsafe struct TransposedOperation : IQuantizeOperation
{
    private const int Strip = 64;

    private readonly byte* _source;
    private readonly byte* _data;
    private readonly RowLayout _sourceBatch;
    private readonly RowLayout _dataBatch;
    private readonly RowLayout _scaleBatch;
    private readonly ScaleTarget _scales;
    private readonly ScaleFormula _formula;
    private readonly long _sourceColumnStride;
    private readonly long _dataRowStride;
    private readonly long _scaleRowStride;
    private readonly long _rows;
    private readonly long _columns;
    private readonly long _strips;
    private readonly long _tiles;
    private readonly int _tileColumns;

    public TransposedOperation(
        Tensor source,
        Tensor data,
        Tensor scales,
        int tileColumns,
        ScaleFormula formula
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
        _sourceColumnStride = source.Strides[-1];
        _dataRowStride = data.Strides[-2];
        _scaleRowStride = scales.Strides[-2];
        _tileColumns = tileColumns;
        _strips = (_rows + Strip - 1) / Strip;
        _tiles = (_columns + tileColumns - 1) / tileColumns;
        ElementCount = source.ElementCount;
    }

    public int ItemCount => checked((int)(_sourceBatch.Count * _strips * _tiles));

    public long ElementCount { get; }

    /// <summary>True if neighbouring rows are neighbours in memory.</summary>
    public static bool Fits(Tensor source) =>
        source.Strides[-2] == 1 && source.Strides[-1] != 1 && source.Shape[-2] >= 16;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, VF, VU, T, TFormat>(int item)
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct
        where T : unmanaged
        where TFormat : struct, ICodeFormat
    {
        var (outer, tile) = Math.DivRem(item, _tiles);
        var (batch, strip) = Math.DivRem(outer, _strips);
        var row = strip * Strip;
        var rows = (int)Math.Min(Strip, _rows - row);
        var column = tile * _tileColumns;
        var columns = (int)Math.Min(_tileColumns, _columns - column);
        var source =
            (T*)_source + _sourceBatch.OffsetOf(batch) + row + column * _sourceColumnStride;

        using var scratch = CpuScratch.Rent((nuint)(3 * Strip * sizeof(float) + Strip * columns));
        var largest = (uint*)scratch.Pointer;
        var exponents = largest + Strip;
        var scales = (float*)(exponents + Strip);
        var codes = (byte*)(scales + Strip);
        var factors = (float*)largest;

        new Span<uint>(largest, Strip).Clear();
        for (long i = 0; i < columns; i++)
            QuantizeKernel<S, VF, VU, T, TFormat>.MaxMagnitudes(
                source + i * _sourceColumnStride,
                largest,
                rows
            );
        QuantizeKernel<S, VF, VU, T, TFormat>.Scales(
            _formula,
            largest,
            scales,
            factors,
            exponents,
            rows
        );
        for (long i = 0; i < columns; i++)
            QuantizeKernel<S, VF, VU, T, TFormat>.Encode(
                source + i * _sourceColumnStride,
                codes + i * Strip,
                rows,
                factors
            );

        var data = _data + _dataBatch.OffsetOf(batch) + row * _dataRowStride + column;
        ByteTranspose.Run(codes, Strip, data, _dataRowStride, columns, rows);

        var scaleOffset = _scaleBatch.OffsetOf(batch) + row * _scaleRowStride;
        for (var i = 0; i < rows; i++, scaleOffset += _scaleRowStride)
        {
            _scales.Write(scaleOffset, tile, scales[i], exponents[i]);
            if (tile == _tiles - 1)
                _scales.Pad(scaleOffset, _tiles);
        }
    }
}
