// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>Rows <c>[T, H, D]</c> of any float type: address and strides.</summary>
internal unsafe struct HeadRows
{
    public byte* Data;
    public DType Type;
    public long TokenBytes;
    public long HeadBytes;

    public HeadRows(Tensor tensor)
    {
        var bytes = DTypes.SizeInBytes(tensor.DType);
        Data = (byte*)tensor.DataPointer;
        Type = tensor.DType;
        TokenBytes = tensor.Strides[0] * bytes;
        HeadBytes = tensor.Strides[1] * bytes;
    }

    /// <summary>The same rows from a column on.</summary>
    public readonly HeadRows From(int column)
    {
        var rows = this;
        rows.Data += column * DTypes.SizeInBytes(Type);
        return rows;
    }

    public readonly void Read(long token, int head, float* destination, int count) =>
        RowConvert.ToFloat(Type, Data + token * TokenBytes + head * HeadBytes, destination, count);

    public readonly void Write(long token, int head, float* source, int count) =>
        RowConvert.FromFloat(Type, source, Data + token * TokenBytes + head * HeadBytes, count);

    /// <summary>
    /// Reads <paramref name="count"/> rows into a matrix of <paramref name="rows"/> rows; surplus rows and columns become 0.
    /// </summary>
    public readonly void ReadTile(
        long token,
        int head,
        int count,
        int columns,
        float* destination,
        int stride,
        int rows
    )
    {
        for (var i = 0; i < count; i++)
        {
            Read(token + i, head, destination + (long)i * stride, columns);
            new Span<float>(destination + (long)i * stride + columns, stride - columns).Clear();
        }
        new Span<float>(destination + (long)count * stride, (rows - count) * stride).Clear();
    }
}
