// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>Addresses in a paged cache. Strides are in bytes.</summary>
internal unsafe struct CacheView
{
    public byte* Data;
    public KvCacheFormat Format;
    public long BlockStride;
    public long RowStride;
    public long HeadStride;
    public int PageSize;
    public long SlotCount;

    public CacheView(in KvBlocks cache)
    {
        var bytes = DTypes.SizeInBytes(cache.Data.DType);
        Data = (byte*)cache.Data.DataPointer;
        Format = cache.Format;
        PageSize = cache.PageSize;
        SlotCount = (long)cache.BlockCount * cache.PageSize;
        BlockStride = cache.Data.Strides[0] * bytes;
        // Data rows of Model1 blocks lie 576 bytes apart, whatever the declared shape says.
        RowStride =
            cache.Format == KvCacheFormat.Fp8Model1
                ? KvLayout.Model1DataBytes
                : cache.Data.Strides[1] * bytes;
        HeadStride = cache.Data.Strides[2] * bytes;
    }

    /// <summary>The stored row of a slot (for 584-byte rows its data part).</summary>
    public readonly byte* Row(long block, int slot, int head) =>
        Data + block * BlockStride + slot * RowStride + head * HeadStride;

    /// <summary>The scale bytes of a slot of a 584-byte-per-token block: behind all data rows.</summary>
    public readonly byte* Scales(long block, int slot) =>
        Data
        + block * BlockStride
        + (long)KvLayout.Model1DataBytes * PageSize
        + (long)KvLayout.Model1ScaleBytes * slot;
}
