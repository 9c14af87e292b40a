// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>Addresses of token rows in a tensor <c>[T, D]</c> or <c>[T, H, D]</c>, from a column on.</summary>
internal readonly unsafe struct RowSource
{
    private readonly byte* _data;
    private readonly long _tokenBytes;
    private readonly long _headBytes;

    public RowSource(Tensor tensor, int column)
    {
        var bytes = DTypes.SizeInBytes(tensor.DType);
        Type = tensor.DType;
        _data = (byte*)tensor.DataPointer + column * bytes;
        _tokenBytes = tensor.Strides[0] * bytes;
        _headBytes = tensor.Rank == 3 ? tensor.Strides[1] * bytes : 0;
    }

    public DType Type { get; }

    public byte* Row(long token, int head) => _data + token * _tokenBytes + head * _headBytes;
}
