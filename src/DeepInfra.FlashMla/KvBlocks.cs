// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.FlashMla.Interop;

namespace DeepInfra.FlashMla;

/// <summary>
/// A paged KV cache as kernels see it: a tensor of blocks and its format. Borrows the tensor. A value type;
/// <see cref="PagedMlaKvCache.Layer"/> makes one, or wrap your own memory.
/// </summary>
/// <remarks>
/// Plain formats: <c>[blocks, page, KV heads, D]</c>, last axis contiguous, any other strides. FP8 formats: bytes
/// (UInt8, Int8 or Float8E4M3) of shape <c>[blocks, page, 1, 656]</c> or <c>[blocks, page, 1, 584]</c>, compact inside
/// a block, any block stride of at least the block's size.
/// </remarks>
public readonly struct KvBlocks
{
    /// <summary>Describes a cache.</summary>
    /// <param name="data">The blocks.</param>
    /// <param name="format">Their format.</param>
    /// <exception cref="ArgumentException">Element type, rank, shape or strides do not fit the format.</exception>
    public KvBlocks(Tensor data, KvCacheFormat format)
    {
        ArgumentNullException.ThrowIfNull(data);
        Data = data;
        Format = format;
        var fp8 = KvLayout.IsFp8(format);
        var expected = KvLayout.ElementType(format);
        if (data.DType != expected && !(fp8 && data.DType is DType.Int8 or DType.Float8E4M3))
            throw new ArgumentException(
                $"data: expected {expected} elements for format {format}, got {data.DType}",
                nameof(data)
            );
        if (data.Rank != 4)
            throw new ArgumentException(
                $"data: expected [blocks, page, KV heads, D], got {data.Shape}",
                nameof(data)
            );
        if (data.Shape[1] < 1 || data.Shape[2] < 1 || data.Shape[3] < 1)
            throw new ArgumentException(
                $"data: expected a page size, head count and row of at least 1, got {data.Shape}",
                nameof(data)
            );
        if (data.Shape[0] > int.MaxValue || data.Shape[1] > int.MaxValue)
            throw new ArgumentException(
                $"data: expected at most 2^31-1 blocks and tokens per block, got {data.Shape}",
                nameof(data)
            );
        if (data.Strides[3] != 1)
            throw new ArgumentException(
                $"data: expected a contiguous last axis, got strides {data.Strides}",
                nameof(data)
            );
        if (fp8)
            RequireFp8Layout(data, format);
    }

    /// <summary>The blocks.</summary>
    public Tensor Data { get; }

    /// <summary>The storage format.</summary>
    public KvCacheFormat Format { get; }

    /// <summary>Number of blocks.</summary>
    public int BlockCount => (int)Data.Shape[0];

    /// <summary>Tokens per block.</summary>
    public int PageSize => (int)Data.Shape[1];

    /// <summary>KV heads.</summary>
    public int KvHeads => (int)Data.Shape[2];

    /// <summary>Elements of a decoded key row.</summary>
    public int HeadDim =>
        Format switch
        {
            KvCacheFormat.Fp8V32 => KvLayout.V32Latent + KvLayout.V32Rope,
            KvCacheFormat.Fp8Model1 => KvLayout.Model1Latent + KvLayout.Model1Rope,
            _ => (int)Data.Shape[3],
        };

    /// <summary>Allocates a zeroed cache in host memory with the block stride that device kernels want.</summary>
    /// <param name="format">The format.</param>
    /// <param name="blockCount">Blocks.</param>
    /// <param name="pageSize">Tokens per block.</param>
    /// <param name="kvHeads">KV heads; 1 for FP8 formats.</param>
    /// <param name="headDim">Elements of a row; FP8 formats fix it, so it is ignored there.</param>
    /// <returns>Blocks whose <see cref="Data"/> the caller disposes.</returns>
    /// <exception cref="ArgumentException">A size is out of range, or the format is unknown.</exception>
    /// <exception cref="NotSupportedException">An FP8 format with more than one KV head.</exception>
    public static unsafe KvBlocks Allocate(
        KvCacheFormat format,
        int blockCount,
        int pageSize,
        int kvHeads = 1,
        int headDim = 576
    )
    {
        ArgumentOutOfRangeException.ThrowIfNegative(blockCount);
        ArgumentOutOfRangeException.ThrowIfLessThan(pageSize, 1);
        if (!Enum.IsDefined(format))
            throw new ArgumentOutOfRangeException(
                nameof(format),
                $"format: unknown value {format}"
            );
        if (!KvLayout.IsFp8(format))
            new MlaShape(kvHeads, kvHeads, headDim, 1).Validate(nameof(headDim));
        else if (kvHeads != 1)
            throw new NotSupportedException(
                $"kvHeads: format {format} holds one KV head, got {kvHeads}"
            );
        KvLayout.RequireAddressable(format, pageSize, kvHeads, headDim, nameof(pageSize));
        var bytes = checked(
            KvLayout.BlockStrideBytes(format, pageSize, kvHeads, headDim) * blockCount
        );
        var blocks = Allocate(format, blockCount, pageSize, kvHeads, headDim, bytes);
        NativeMemory.Clear(blocks.Data.DataPointer, (nuint)bytes);
        return blocks;
    }

    /// <summary>Allocates without clearing.</summary>
    internal static unsafe KvBlocks Allocate(
        KvCacheFormat format,
        int blockCount,
        int pageSize,
        int kvHeads,
        int headDim,
        long bytes
    )
    {
        var memory = LargePages.Allocate(bytes);
        Action release = () => NativeMemory.AlignedFree(memory);
        Shape plain = [blockCount, pageSize, kvHeads, headDim];
        var row = KvLayout.RowBytes(format, headDim);
        Tensor data = format switch
        {
            KvCacheFormat.BFloat16 => Tensor<BFloat16>.Wrap(
                (BFloat16*)memory,
                plain,
                null,
                release
            ),
            KvCacheFormat.Float16 => Tensor<Half>.Wrap((Half*)memory, plain, null, release),
            _ => Tensor<byte>.Wrap(
                (byte*)memory,
                [blockCount, pageSize, 1, row],
                new Strides(KvLayout.BlockStrideBytes(format, pageSize, 1, 0), row, row, 1),
                release
            ),
        };
        return new KvBlocks(data, format);
    }

    /// <summary>Allocates a zeroed cache in device memory, whose blocks lie multiples of 16 bytes apart.</summary>
    internal static KvBlocks Allocate(
        KvCacheFormat format,
        int blockCount,
        int pageSize,
        int kvHeads,
        int headDim,
        CudaStream stream,
        out Tensor owner
    )
    {
        // A cache outlives the scope in which it is made.
        using var suspended = TensorScope.Suspend();
        if (format == KvCacheFormat.BFloat16)
        {
            owner = Tensor<BFloat16>.Create([blockCount, pageSize, kvHeads, headDim], stream);
            return new KvBlocks(owner, format);
        }
        var row = KvLayout.RowBytes(format, headDim);
        // Rows of 584 bytes: an odd number of them is padded by one.
        var rows = (long)pageSize * row % 16 == 0 ? pageSize : pageSize + 1;
        owner = Tensor<byte>.Create([blockCount, rows, 1, row], stream);
        return new KvBlocks(rows == pageSize ? owner : owner.AsSlice(1, 0, pageSize), format);
    }

    private static void RequireFp8Layout(Tensor data, KvCacheFormat format)
    {
        var rowBytes = KvLayout.RowBytes(format, 0);
        if (data.Shape[2] != 1 || data.Shape[3] != rowBytes)
            throw new ArgumentException(
                $"data: expected [blocks, page, 1, {rowBytes}] for format {format}, got {data.Shape}",
                nameof(data)
            );
        if (data.Shape[1] > 1 && data.Strides[1] != rowBytes)
            throw new ArgumentException(
                $"data: expected a row stride of {rowBytes} bytes, got {data.Strides[1]}",
                nameof(data)
            );
        if (data.Shape[0] > 1 && data.Strides[0] < data.Shape[1] * rowBytes)
            throw new ArgumentException(
                $"data: expected a block stride of at least {data.Shape[1] * rowBytes} bytes, got {data.Strides[0]}",
                nameof(data)
            );
    }
}
