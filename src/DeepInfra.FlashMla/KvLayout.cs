// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla;

/// <summary>Byte layout of the cache formats.</summary>
internal static class KvLayout
{
    public const int V32Latent = 512;
    public const int V32Rope = 64;
    public const int V32Tile = 128;
    public const int V32RopeOffset = 528;
    public const int V32RowBytes = 656;
    public const int Model1Latent = 448;
    public const int Model1Rope = 64;
    public const int Model1Tile = 64;
    public const int Model1Tiles = 7;
    public const int Model1DataBytes = 576;
    public const int Model1ScaleBytes = 8;
    public const int Model1RowBytes = 584;

    public static bool IsFp8(KvCacheFormat format) =>
        format is KvCacheFormat.Fp8V32 or KvCacheFormat.Fp8Model1;

    /// <summary>Bytes per token and KV head.</summary>
    public static int RowBytes(KvCacheFormat format, int headDim) =>
        format switch
        {
            KvCacheFormat.Fp8V32 => V32RowBytes,
            KvCacheFormat.Fp8Model1 => Model1RowBytes,
            _ => 2 * headDim,
        };

    /// <summary>Distance between blocks in bytes for a newly allocated cache.</summary>
    public static long BlockStrideBytes(
        KvCacheFormat format,
        int pageSize,
        int kvHeads,
        int headDim
    ) =>
        format switch
        {
            KvCacheFormat.Fp8V32 => (long)pageSize * V32RowBytes,
            // A multiple of 576 lets one tensor map cover data rows of every block.
            KvCacheFormat.Fp8Model1 => ((long)pageSize * Model1RowBytes + Model1DataBytes - 1)
                / Model1DataBytes
                * Model1DataBytes,
            _ => (long)pageSize * kvHeads * headDim * 2,
        };

    /// <summary>The bytes of a block fit 31 bits, as those of a buffer for its export must.</summary>
    public static void RequireAddressable(
        KvCacheFormat format,
        int pageSize,
        int kvHeads,
        int headDim,
        string paramName
    )
    {
        var bytes = (Int128)pageSize * kvHeads * RowBytes(format, headDim);
        if (bytes > int.MaxValue)
            throw new ArgumentOutOfRangeException(
                paramName,
                $"{paramName}: expected blocks of at most 2^31-1 bytes, got {bytes}"
            );
    }

    public static DType ElementType(KvCacheFormat format) =>
        format switch
        {
            KvCacheFormat.BFloat16 => DType.BFloat16,
            KvCacheFormat.Float16 => DType.Float16,
            _ => DType.UInt8,
        };

    /// <summary>FP8 formats exist for one shape only.</summary>
    public static void RequireShape(KvCacheFormat format, MlaShape shape, string paramName)
    {
        var (headDim, valueDim) = format switch
        {
            KvCacheFormat.Fp8V32 => (V32Latent + V32Rope, V32Latent),
            KvCacheFormat.Fp8Model1 => (Model1Latent + Model1Rope, Model1Latent + Model1Rope),
            _ => (shape.HeadDim, shape.ValueDim),
        };
        if (shape.HeadDim != headDim || shape.ValueDim > valueDim)
            throw new ArgumentException(
                $"{paramName}: format {format} needs HeadDim {headDim} and ValueDim <= {valueDim}, got {shape.HeadDim} and {shape.ValueDim}",
                paramName
            );
        if (IsFp8(format) && shape.KvHeads != 1)
            throw new NotSupportedException(
                $"{paramName}: format {format} holds one KV head, got {shape.KvHeads}"
            );
    }
}
