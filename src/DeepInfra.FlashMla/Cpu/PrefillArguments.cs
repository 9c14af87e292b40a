// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla.Cpu;

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

    /// <summary>Tiles of queries, per query head.</summary>
    public RaggedTiles QueryTiles;

    /// <summary>Tiles of keys, per KV head.</summary>
    public RaggedTiles KeyTiles;
    public float Scale;
    public bool Causal;
    public LogSumExpBase Base;
    public EmptyLogSumExp Empty;

    public readonly int GroupSize => QueryHeads / KvHeads;

    public readonly int HeadStride => RoundUp(HeadDim, 32);

    public readonly int ValueStride => RoundUp(ValueDim, 32);

    /// <summary>Keys that query <paramref name="index"/> of a request sees: bottom-right aligned if causal.</summary>
    public readonly int Visible(int index, int queryLength, int keyLength) =>
        Causal ? Math.Clamp(index + 1 + keyLength - queryLength, 0, keyLength) : keyLength;

    public static int RoundUp(int value, int multiple) =>
        (value + multiple - 1) / multiple * multiple;
}
