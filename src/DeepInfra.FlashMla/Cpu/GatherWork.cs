// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>Dequantise and gather: one item is a run of tokens. Slot -1 gives zeros.</summary>
internal unsafe struct GatherWork : ICpuWork
{
    public const int TokensPerItem = 16;

    public byte* Cache;
    public KvCacheFormat Format;
    public long BlockStrideBytes;
    public long RowStrideBytes;
    public long HeadStrideBytes;
    public int PageSize;
    public int KvHeads;
    public int HeadDim;

    public int* Slots;
    public int FirstToken;
    public int TokenCount;
    public RowSource Destination;

    public readonly void Execute(int item, int worker)
    {
        var end = Math.Min(TokenCount, (item + 1) * TokensPerItem);
        using var memory = KernelScratch.Rent((long)HeadDim * 8 + 256);
        var scratch = memory.Pointer;
        for (var i = item * TokensPerItem; i < end; i++)
        for (var head = 0; head < KvHeads; head++)
            Read(Slots[i], head, Destination.Row(FirstToken + i, head), scratch);
    }

    private readonly void Read(int slot, int head, byte* destination, byte* scratch)
    {
        if (slot < 0)
        {
            new Span<byte>(destination, HeadDim * DTypes.SizeInBytes(Destination.Type)).Clear();
            return;
        }
        var floats = (float*)scratch;
        var bits = (ushort*)(scratch + HeadDim * 4L);
        KvRows.Read(
            Cache + slot / PageSize * BlockStrideBytes,
            slot % PageSize,
            PageSize,
            Format,
            slot % PageSize * RowStrideBytes + head * HeadStrideBytes,
            HeadDim,
            floats,
            bits
        );
        RowConvert.FromFloat(Destination.Type, floats, destination, HeadDim);
    }
}
