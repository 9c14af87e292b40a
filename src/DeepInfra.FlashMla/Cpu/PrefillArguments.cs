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

/// <summary>What the prefill kernels, forward and backward, work on.</summary>
internal unsafe struct PrefillArguments
{
    public const int Tile = 64;

    /// <summary>Row stride of a score tile; not a power of two, so that a column spreads over cache sets.</summary>
    public const int ScoreStride = 80;

    public HeadRows Query;
    public HeadRows Key;
    public HeadRows Value;
    public HeadRows Out;
    public float* LogSumExp;
    public long LseTokenStride;
    public long LseHeadStride;
    public int* QueryOffsets;
    public int* KeyOffsets;
    public int Batch;
    public int QueryHeads;
    public int KvHeads;
    public int HeadDim;
    public int ValueDim;
    public int MaxQuery;
    public float Scale;
    public bool Causal;
    public LogSumExpBase Base;
    public EmptyLogSumExp Empty;

    public readonly int GroupSize => QueryHeads / KvHeads;

    public readonly int HeadStride => RoundUp(HeadDim, 32);

    public readonly int ValueStride => RoundUp(ValueDim, 32);

    public readonly int QueryTiles => (MaxQuery + Tile - 1) / Tile;

    /// <summary>Keys that query <paramref name="index"/> of a request sees: bottom-right aligned if causal.</summary>
    public readonly int Visible(int index, int queryLength, int keyLength) =>
        Causal ? Math.Clamp(index + 1 + keyLength - queryLength, 0, keyLength) : keyLength;

    public static int RoundUp(int value, int multiple) =>
        (value + multiple - 1) / multiple * multiple;
}
