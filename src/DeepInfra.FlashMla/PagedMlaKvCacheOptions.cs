// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;

namespace DeepInfra.FlashMla;

/// <summary>Size and format of a <see cref="PagedMlaKvCache"/>. Immutable.</summary>
public sealed record PagedMlaKvCacheOptions
{
    /// <summary>Blocks per layer; 0 takes as many as <see cref="ByteBudget"/> allows.</summary>
    public int BlockCount { get; init; }

    /// <summary>Bytes for all layers, used if <see cref="BlockCount"/> is 0.</summary>
    public long ByteBudget { get; init; }

    /// <summary>Tokens per block, at least 1.</summary>
    public int PageSize { get; init; } = 64;

    /// <summary>Storage format.</summary>
    public KvCacheFormat Format { get; init; } = KvCacheFormat.BFloat16;

    /// <summary>Scales that the quantiser writes; <see cref="KvCacheFormat.Fp8Model1"/> supports powers of two only.</summary>
    public KvScaleFormat ScaleFormat { get; init; } = KvScaleFormat.PowerOfTwo;

    /// <summary>Layers; every block number exists in each.</summary>
    public int LayerCount { get; init; } = 1;

    /// <summary>KV heads; 1 for latent attention and for the FP8 formats.</summary>
    public int KvHeads { get; init; } = 1;

    /// <summary>Elements of a token's row per KV head. FP8 formats fix it: 576 or 512.</summary>
    public int HeadDim { get; init; } = 576;

    /// <summary>True clears a block when it is taken from the free list, so that stale bytes cannot reach a later user.</summary>
    public bool ClearBlocks { get; init; } = true;

    /// <summary>Threads and SIMD tier of the CPU backend.</summary>
    public CpuBackendOptions Cpu { get; init; } = CpuBackendOptions.Default;

    internal int ResolveBlockCount()
    {
        Check(PageSize >= 1, nameof(PageSize), PageSize, "a value >= 1");
        Check(LayerCount >= 1, nameof(LayerCount), LayerCount, "a value >= 1");
        Check(BlockCount >= 0, nameof(BlockCount), BlockCount, "a value >= 0");
        Check(ByteBudget >= 0, nameof(ByteBudget), ByteBudget, "a value >= 0");
        Check(Enum.IsDefined(Format), nameof(Format), Format, "a defined value");
        Check(Enum.IsDefined(ScaleFormat), nameof(ScaleFormat), ScaleFormat, "a defined value");
        ArgumentNullException.ThrowIfNull(Cpu);
        var shape = new MlaShape(KvHeads, KvHeads, HeadDim, Math.Min(HeadDim, 512));
        shape.Validate(nameof(KvHeads), nameof(HeadDim));
        KvLayout.RequireShape(Format, shape, nameof(HeadDim));
        if (Format == KvCacheFormat.Fp8Model1 && ScaleFormat != KvScaleFormat.PowerOfTwo)
            throw new NotSupportedException(
                "ScaleFormat: format Fp8Model1 stores one exponent byte per scale, so it supports PowerOfTwo only"
            );
        KvLayout.RequireAddressable(Format, PageSize, KvHeads, HeadDim, nameof(PageSize));
        var blockCount = BlockCount > 0 ? BlockCount : BlocksInBudget();
        Check(
            (long)blockCount * PageSize <= int.MaxValue,
            BlockCount > 0 ? nameof(BlockCount) : nameof(ByteBudget),
            $"{blockCount} blocks of {PageSize} tokens",
            "at most 2^31-1 tokens, because slots are 32-bit numbers"
        );
        return blockCount;
    }

    private int BlocksInBudget()
    {
        var perBlock =
            (Int128)KvLayout.BlockStrideBytes(Format, PageSize, KvHeads, HeadDim) * LayerCount;
        var blocks = (long)(ByteBudget / perBlock);
        Check(
            blocks is >= 1 and <= int.MaxValue,
            nameof(ByteBudget),
            ByteBudget,
            $"room for 1 to 2^31-1 blocks of {perBlock} bytes (or a BlockCount)"
        );
        return (int)blocks;
    }

    private static void Check(bool valid, string name, object value, string expected)
    {
        if (!valid)
            throw new ArgumentOutOfRangeException(
                name,
                $"{name}: expected {expected}, got {value}"
            );
    }
}
