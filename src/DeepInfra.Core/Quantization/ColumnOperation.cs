// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Cpu;
using DeepInfra.Core.Numerics;

namespace DeepInfra.Core.Quantization;

/// <summary>
/// One scale per group and per element of the innermost dimension: the rows of a group are reduced lane by lane. Without
/// a formula it dequantises. An
/// item is a strip of columns of one group.
/// </summary>
internal readonly unsafe struct ColumnOperation : IQuantizeOperation
{
    private const int Strip = 256;

    private readonly byte* _source;
    private readonly byte* _data;
    private readonly RowLayout _sourceGroups;
    private readonly RowLayout _sourceRows;
    private readonly RowLayout _dataGroups;
    private readonly RowLayout _dataRows;
    private readonly RowLayout _scaleGroups;
    private readonly ScaleTarget _scales;
    private readonly ScaleFormula? _formula;
    private readonly bool _groupsAlongK;
    private readonly long _scaleInner;
    private readonly long _inner;
    private readonly long _columns;
    private readonly long _strips;

    /// <summary>Per-channel quantisation of [K,N] in groups of rows.</summary>
    public ColumnOperation(
        Tensor source,
        Tensor data,
        Tensor scales,
        int granularity,
        ScaleFormula? formula
    )
        : this(source, data, scales, formula, scales.Strides[1])
    {
        long groups = source.Shape[0] / granularity;
        _sourceGroups = new RowLayout([groups], new Strides(granularity * source.Strides[0]));
        _sourceRows = new RowLayout([granularity], new Strides(source.Strides[0]));
        _dataGroups = new RowLayout([groups], new Strides(granularity * data.Strides[0]));
        _dataRows = new RowLayout([granularity], new Strides(data.Strides[0]));
        _groupsAlongK = true;
    }

    /// <summary>Groups are indexed by some dimensions, the innermost one is kept too, the others are reduced.</summary>
    public ColumnOperation(
        Tensor source,
        Tensor data,
        Tensor scales,
        ReadOnlySpan<int> kept,
        ReadOnlySpan<int> reduced,
        ScaleFormula? formula
    )
        : this(source, data, scales, formula, scales.Strides[-1])
    {
        _sourceGroups = RowLayout.Of(source, kept);
        _sourceRows = RowLayout.Of(source, reduced);
        _dataGroups = RowLayout.Of(data, kept);
        _dataRows = RowLayout.Of(data, reduced);
        _scaleGroups = RowLayout.Leading(scales, 1);
    }

    private ColumnOperation(
        Tensor source,
        Tensor data,
        Tensor scales,
        ScaleFormula? formula,
        long scaleInner
    )
    {
        _source = (byte*)source.DataPointer;
        _data = (byte*)data.DataPointer;
        _scales = new ScaleTarget(scales, kDimension: 0);
        _scaleInner = scaleInner;
        _formula = formula;
        _inner = source.Strides[-1];
        _columns = source.Shape[-1];
        _strips = (_columns + Strip - 1) / Strip;
        ElementCount = source.ElementCount;
    }

    public int ItemCount => checked((int)(_sourceGroups.Count * _strips));

    public long ElementCount { get; }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, VF, VU, T, TFormat>(int item)
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct
        where T : unmanaged
        where TFormat : struct, ICodeFormat
    {
        using var scratch = CpuScratch.Rent(4 * Strip * sizeof(float));
        var largest = (uint*)scratch.Pointer;
        var exponents = largest + Strip;
        var scales = (float*)(exponents + Strip);
        var gathered = (T*)(scales + Strip);

        var (group, strip) = Math.DivRem(item, _strips);
        var column = strip * Strip;
        var count = (int)Math.Min(Strip, _columns - column);
        var source = (T*)_source + _sourceGroups.OffsetOf(group) + column * _inner;
        var data = _data + _dataGroups.OffsetOf(group) + column;

        if (_formula is not { } formula)
        {
            Decode<S, VF, VU, T, TFormat>(source, data, group, column, count, scales, gathered);
            return;
        }

        new Span<uint>(largest, Strip).Clear();
        for (long row = 0; row < _sourceRows.Count; row++)
            QuantizeKernel<S, VF, VU, T, TFormat>.MaxMagnitudes(
                Row(source, row, gathered, count),
                largest,
                count
            );

        // Largest magnitudes are not needed once the factors are known: both use one buffer.
        var factors = (float*)largest;
        QuantizeKernel<S, VF, VU, T, TFormat>.Scales(
            formula,
            largest,
            scales,
            factors,
            exponents,
            count
        );

        for (long row = 0; row < _sourceRows.Count; row++)
            QuantizeKernel<S, VF, VU, T, TFormat>.Encode(
                Row(source, row, gathered, count),
                data + _dataRows.OffsetOf(row),
                count,
                factors
            );

        for (var i = 0; i < count; i++)
        {
            var (offset, block) = ScalePlace(group, column + i);
            _scales.Write(offset, block, scales[i], exponents[i]);
            if (_groupsAlongK && group == _sourceGroups.Count - 1)
                _scales.Pad(offset, group + 1);
        }
    }

    private void Decode<S, VF, VU, T, TFormat>(
        T* destination,
        byte* data,
        long group,
        long column,
        int count,
        float* scales,
        T* values
    )
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct
        where T : unmanaged
        where TFormat : struct, ICodeFormat
    {
        for (var i = 0; i < count; i++)
        {
            var (offset, block) = ScalePlace(group, column + i);
            scales[i] = _scales.Read(offset, block);
        }
        for (long row = 0; row < _sourceRows.Count; row++)
        {
            var codes = data + _dataRows.OffsetOf(row);
            var to = destination + _sourceRows.OffsetOf(row);
            QuantizeKernel<S, VF, VU, T, TFormat>.Decode(
                codes,
                _inner == 1 ? to : values,
                count,
                scales
            );
            if (_inner != 1)
                QuantizeBlock.Scatter(values, to, _inner, count);
        }
    }

    private (long Offset, long KBlock) ScalePlace(long group, long column)
    {
        var offset = column * _scaleInner;
        return _groupsAlongK ? (offset, group) : (_scaleGroups.OffsetOf(group) + offset, 0);
    }

    private T* Row<T>(T* source, long row, T* gathered, int count)
        where T : unmanaged
    {
        var from = source + _sourceRows.OffsetOf(row);
        if (_inner == 1)
            return from;
        QuantizeBlock.Gather(from, _inner, gathered, count);
        return gathered;
    }
}
