// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core;
using DeepInfra.Core.Cpu;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>Quantise and scatter: one item is a run of tokens.</summary>
internal unsafe struct AppendWork : ICpuWork
{
    public const int TokensPerItem = 16;

    public byte* Cache;
    public KvCacheFormat Format;
    public KvScaleFormat ScaleFormat;
    public long BlockStrideBytes;
    public int PageSize;
    public int KvHeads;
    public int HeadDim;

    public int* Slots;
    public int FirstToken;
    public int TokenCount;
    public RowSource Latent;
    public RowSource Rope;
    public int LatentDim;
    public SimdTier Tier;

    public readonly void Execute(int item, int worker)
    {
        var end = Math.Min(TokenCount, (item + 1) * TokensPerItem);
        using var memory = KernelScratch.Rent((long)HeadDim * sizeof(float) + 256);
        var staging = (float*)memory.Pointer;
        for (var i = item * TokensPerItem; i < end; i++)
        {
            if (Slots[i] < 0)
                continue;
            var block = Cache + Slots[i] / PageSize * BlockStrideBytes;
            var slot = Slots[i] % PageSize;
            for (var head = 0; head < KvHeads; head++)
                Write(block, slot, head, FirstToken + i, staging);
        }
    }

    private readonly void Write(byte* block, int slot, int head, int token, float* staging)
    {
        var latent = Latent.Row(token, head);
        var rope = Rope.Row(token, head);
        if (!KvLayout.IsFp8(Format))
        {
            var row = block + ((long)slot * KvHeads + head) * HeadDim * 2;
            Copy(Latent.Type, latent, row, LatentDim, staging);
            Copy(Rope.Type, rope, row + 2 * LatentDim, HeadDim - LatentDim, staging);
            return;
        }
        RowConvert.ToFloat(Latent.Type, latent, staging, LatentDim);
        var ropeBits = stackalloc ushort[KvLayout.V32Rope];
        ConvertRope(rope, ropeBits);
        var finite =
            Format == KvCacheFormat.Fp8V32
                ? Fp8Rows.EncodeV32(
                    staging,
                    ropeBits,
                    block + (long)slot * KvLayout.V32RowBytes,
                    ScaleFormat,
                    Tier
                )
                : Fp8Rows.EncodeModel1(staging, ropeBits, block, slot, PageSize, Tier);
        if (!finite)
            throw new ArgumentException(
                $"rows: token {token} holds an infinite value, which FP8 scales cannot express"
            );
    }

    private readonly void ConvertRope(byte* rope, ushort* bits)
    {
        if (Rope.Type == DType.BFloat16)
        {
            Unsafe.CopyBlockUnaligned(bits, rope, 2 * KvLayout.V32Rope);
            return;
        }
        var values = stackalloc float[KvLayout.V32Rope];
        RowConvert.ToFloat(Rope.Type, rope, values, KvLayout.V32Rope);
        RowConvert.NarrowBFloat16(values, bits, KvLayout.V32Rope);
    }

    private readonly void Copy(
        DType type,
        byte* source,
        byte* destination,
        int count,
        float* staging
    )
    {
        var target = Format == KvCacheFormat.BFloat16 ? DType.BFloat16 : DType.Float16;
        if (type == target)
        {
            Unsafe.CopyBlockUnaligned(destination, source, (uint)(2 * count));
            return;
        }
        RowConvert.ToFloat(type, source, staging, count);
        RowConvert.FromFloat(target, staging, destination, count);
    }
}
