// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.FlashMla.Cpu;

namespace DeepInfra.FlashMla;

/// <summary>
/// Conversion of whole caches between plain rows and the stored formats. Per token and tile of columns (128 of a
/// 656-byte row, 64 of a 584-byte row) the scale is chosen from the largest magnitude, codes are rounded to nearest even;
/// rotary columns are stored as BFloat16. <see cref="PagedMlaKvCache.Append(int, Tensor{int}, Tensor)"/> does the same token by token.
/// Thread-safe.
/// </summary>
public static unsafe class MlaKvQuantizer
{
    /// <summary>Writes every slot of a cache.</summary>
    /// <param name="source"><c>[blocks, page, KV heads, D]</c>, BFloat16, Float16 or Float32, last axis contiguous.</param>
    /// <param name="destination">The cache, same blocks, page size, heads and D.</param>
    /// <param name="scaleFormat">Scales of <see cref="KvCacheFormat.Fp8V32"/>; other formats need the default.</param>
    /// <exception cref="ArgumentException">Shapes or types do not fit, the cache shares memory with the source or with itself, or a quantised tile holds an infinite value. A tile with NaN gets a NaN scale.</exception>
    public static void Quantize(
        Tensor source,
        KvBlocks destination,
        KvScaleFormat scaleFormat = KvScaleFormat.PowerOfTwo
    )
    {
        Validate(source, destination, nameof(source), nameof(destination));
        ArgumentCheck.NoRepetition(destination.Data, nameof(destination));
        ArgumentCheck.Separate(destination.Data, nameof(destination), source, nameof(source));
        if (scaleFormat != KvScaleFormat.PowerOfTwo && destination.Format != KvCacheFormat.Fp8V32)
            throw new NotSupportedException(
                $"scaleFormat: format {destination.Format} supports {KvScaleFormat.PowerOfTwo} only, got {scaleFormat}"
            );
        var dim = destination.HeadDim;
        using var memory = KernelScratch.Rent(dim * 6L + 256);
        var staging = (float*)memory.Pointer;
        var rope = (ushort*)(staging + dim);
        for (var block = 0; block < destination.BlockCount; block++)
        for (var slot = 0; slot < destination.PageSize; slot++)
        for (var head = 0; head < destination.KvHeads; head++)
        {
            RowConvert.ToFloat(source.DType, Address(source, block, slot, head), staging, dim);
            var start =
                (byte*)destination.Data.DataPointer
                + block * destination.Data.Strides[0] * DTypes.SizeInBytes(destination.Data.DType);
            var finite = true;
            switch (destination.Format)
            {
                case KvCacheFormat.Fp8V32:
                    Rope(source, block, slot, head, KvLayout.V32Latent, staging, rope);
                    finite = Fp8Rows.EncodeV32(
                        staging,
                        rope,
                        start + (long)slot * KvLayout.V32RowBytes,
                        scaleFormat,
                        CpuBackendOptions.Default.Tier
                    );
                    break;
                case KvCacheFormat.Fp8Model1:
                    Rope(source, block, slot, head, KvLayout.Model1Latent, staging, rope);
                    finite = Fp8Rows.EncodeModel1(
                        staging,
                        rope,
                        start,
                        slot,
                        destination.PageSize,
                        CpuBackendOptions.Default.Tier
                    );
                    break;
                default:
                    RowConvert.FromFloat(
                        destination.Data.DType,
                        staging,
                        Address(destination.Data, block, slot, head),
                        dim
                    );
                    break;
            }
            if (!finite)
                throw new ArgumentException(
                    $"source[{block},{slot}]: holds an infinite value, which FP8 scales cannot express",
                    nameof(source)
                );
        }
        GC.KeepAlive(source);
        GC.KeepAlive(destination.Data);
    }

    /// <summary>Reads every slot of a cache.</summary>
    /// <param name="source">The cache.</param>
    /// <param name="destination">Receives <c>[blocks, page, KV heads, D]</c>, BFloat16, Float16 or Float32, last axis contiguous.</param>
    /// <exception cref="ArgumentException">Shapes or types do not fit, or the destination shares memory with the cache or with itself.</exception>
    public static void Dequantize(KvBlocks source, Tensor destination)
    {
        Validate(destination, source, nameof(destination), nameof(source));
        ArgumentCheck.NoRepetition(destination, nameof(destination));
        ArgumentCheck.Separate(destination, nameof(destination), source.Data, nameof(source));
        var dim = source.HeadDim;
        using var memory = KernelScratch.Rent(dim * 6L + 256);
        var staging = (float*)memory.Pointer;
        var bytes = DTypes.SizeInBytes(source.Data.DType);
        for (var block = 0; block < source.BlockCount; block++)
        for (var slot = 0; slot < source.PageSize; slot++)
        for (var head = 0; head < source.KvHeads; head++)
        {
            KvRows.Read(
                (byte*)source.Data.DataPointer + block * source.Data.Strides[0] * bytes,
                slot,
                source.PageSize,
                source.Format,
                (slot * source.Data.Strides[1] + head * source.Data.Strides[2]) * bytes,
                dim,
                staging,
                (ushort*)(staging + dim)
            );
            RowConvert.FromFloat(
                destination.DType,
                staging,
                Address(destination, block, slot, head),
                dim
            );
        }
        GC.KeepAlive(source.Data);
        GC.KeepAlive(destination);
    }

    private static void Rope(
        Tensor source,
        int block,
        int slot,
        int head,
        int latent,
        float* row,
        ushort* rope
    )
    {
        if (source.DType == DType.BFloat16)
            new ReadOnlySpan<ushort>(
                (ushort*)Address(source, block, slot, head) + latent,
                KvLayout.V32Rope
            ).CopyTo(new Span<ushort>(rope, KvLayout.V32Rope));
        else
            RowConvert.NarrowBFloat16(row + latent, rope, KvLayout.V32Rope);
    }

    private static byte* Address(Tensor tensor, int block, int slot, int head) =>
        (byte*)tensor.DataPointer
        + (block * tensor.Strides[0] + slot * tensor.Strides[1] + head * tensor.Strides[2])
            * DTypes.SizeInBytes(tensor.DType);

    private static void Validate(Tensor rows, in KvBlocks cache, string rowsName, string cacheName)
    {
        ArgumentCheck.Alive(rows, rowsName);
        ArgumentCheck.Alive(cache.Data, cacheName);
        ArgumentCheck.FloatType(rows, rowsName);
        ArgumentCheck.Shape(
            rows,
            [cache.BlockCount, cache.PageSize, cache.KvHeads, cache.HeadDim],
            rowsName
        );
        ArgumentCheck.LastAxisContiguous(rows, rowsName);
        ArgumentCheck.OnCpu(rows, rowsName);
        ArgumentCheck.OnCpu(cache.Data, cacheName);
    }
}
