// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Numerics;

namespace DeepInfra.Core.Quantization;

/// <summary>One scale per index of the kept dimensions, where the innermost dimension is reduced.
/// Without a formula it dequantises. An item is a run of indices.</summary>
internal readonly unsafe struct GroupOperation : IQuantizeOperation
{
    private const long ItemElements = 16 * 1024;

    private readonly byte* _source;
    private readonly byte* _data;
    private readonly RowLayout _sourceGroups;
    private readonly RowLayout _sourceRows;
    private readonly RowLayout _dataGroups;
    private readonly RowLayout _dataRows;
    private readonly RowLayout _scaleGroups;
    private readonly ScaleTarget _scales;
    private readonly ScaleFormula? _formula;
    private readonly long _inner;
    private readonly long _columns;
    private readonly long _groupsPerItem;

    public GroupOperation(
        Tensor source,
        Tensor data,
        Tensor scales,
        ReadOnlySpan<int> kept,
        ReadOnlySpan<int> reduced,
        ScaleFormula? formula
    )
    {
        _source = (byte*)source.DataPointer;
        _data = (byte*)data.DataPointer;
        _scales = new ScaleTarget(scales, kDimension: 0);
        _formula = formula;
        _sourceGroups = RowLayout.Of(source, kept);
        _sourceRows = RowLayout.Of(source, reduced);
        _dataGroups = RowLayout.Of(data, kept);
        _dataRows = RowLayout.Of(data, reduced);
        _scaleGroups = RowLayout.Leading(scales, 0);
        _inner = source.Strides[-1];
        _columns = source.Shape[-1];
        var elements = Math.Max(1, _sourceRows.Count * _columns);
        _groupsPerItem = Math.Max(1, ItemElements / elements);
        ElementCount = source.ElementCount;
    }

    public int ItemCount =>
        checked((int)((_sourceGroups.Count + _groupsPerItem - 1) / _groupsPerItem));

    public long ElementCount { get; }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, VF, VU, T, TFormat>(int item)
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct
        where T : unmanaged
        where TFormat : struct, ICodeFormat
    {
        var end = Math.Min((item + 1) * _groupsPerItem, _sourceGroups.Count);
        for (var group = item * _groupsPerItem; group < end; group++)
        {
            var values = (T*)_source + _sourceGroups.OffsetOf(group);
            var codes = _data + _dataGroups.OffsetOf(group);
            if (_formula is not { } formula)
            {
                QuantizeBlock.Decode<S, VF, VU, T, TFormat>(
                    values,
                    in _sourceRows,
                    _inner,
                    codes,
                    in _dataRows,
                    _sourceRows.Count,
                    _columns,
                    _scales.Read(_scaleGroups.OffsetOf(group), 0)
                );
                continue;
            }
            QuantizeBlock.Run<S, VF, VU, T, TFormat>(
                values,
                in _sourceRows,
                _inner,
                codes,
                in _dataRows,
                _sourceRows.Count,
                _columns,
                formula,
                out var scale,
                out var exponent
            );
            _scales.Write(_scaleGroups.OffsetOf(group), 0, scale, exponent);
        }
    }
}
