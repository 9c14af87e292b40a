// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla.Cpu;

/// <summary>Up to 64 stored rows by address: what a pass of the kernels works on.</summary>
internal unsafe struct KeyTile
{
    public const int Capacity = 64;

    /// <summary>Stored rows; behind <see cref="Count"/> the last one is repeated, since kernels work on four keys at a time.</summary>
    public byte** Rows;

    /// <summary>Scale bytes, for 584-byte rows only.</summary>
    public byte** Scales;

    public int Count;

    /// <summary>Rows that count for the indexer's log-sum-exp: the first so many.</summary>
    public int IndexerCount;

    public void Add(byte* row, byte* scales)
    {
        Rows[Count] = row;
        Scales[Count++] = scales;
    }

    public readonly void Pad()
    {
        for (var i = Count; i < Capacity && Count > 0; i++)
            Rows[i] = Rows[Count - 1];
    }
}
