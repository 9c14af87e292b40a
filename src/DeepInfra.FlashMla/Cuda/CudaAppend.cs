// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.Core.Interop;
using DeepInfra.FlashMla.Interop;

namespace DeepInfra.FlashMla.Cuda;

/// <summary>Enqueues quantise and scatter on a CUDA device.</summary>
internal static unsafe class CudaAppend
{
    /// <summary>Validated arguments with all memory on the stream's device.</summary>
    /// <param name="cache">The blocks.</param>
    /// <param name="scaleFormat">How scales are rounded.</param>
    /// <param name="slots">[T].</param>
    /// <param name="latent">[T, L] or [T, KV heads, L]; with <paramref name="rotary"/> null the rotary columns follow.</param>
    /// <param name="latentDim">L.</param>
    /// <param name="rotary">The rest of the columns.</param>
    /// <param name="stream">The stream.</param>
    public static void Run(
        in KvBlocks cache,
        KvScaleFormat scaleFormat,
        Tensor<int> slots,
        Tensor latent,
        int latentDim,
        Tensor? rotary,
        CudaStream stream
    )
    {
        Unsafe.SkipInit(out NativeTensors.Dimensions slotDimensions);
        Unsafe.SkipInit(out NativeTensors.Dimensions latentDimensions);
        Unsafe.SkipInit(out NativeTensors.Dimensions rotaryDimensions);
        Unsafe.SkipInit(out NativeTensors.Dimensions cacheDimensions);
        var places = NativeTensors.Describe(slots, &slotDimensions);
        var first = Rows(latent, 0, latentDim, &latentDimensions);
        var last = rotary is null
            ? Rows(latent, latentDim, cache.HeadDim - latentDim, &rotaryDimensions)
            : Rows(rotary, 0, cache.HeadDim - latentDim, &rotaryDimensions);
        var blocks = NativeTensors.Describe(cache.Data, &cacheDimensions);
        var parameters = new NativeFlashMlaAppendParams
        {
            StructSize = (uint)sizeof(NativeFlashMlaAppendParams),
            CacheFormat = (int)CudaDecode.FormatOf(cache.Format),
            PowerOfTwo = scaleFormat == KvScaleFormat.PowerOfTwo ? 1u : 0,
        };
        using (stream.Use())
            FlashMlaLibrary.Area.ThrowIfFailed(
                FlashMlaNativeMethods.Append(
                    &places,
                    &first,
                    &last,
                    &blocks,
                    &parameters,
                    stream.SafeHandle
                ),
                nameof(PagedMlaKvCache.Append)
            );
        slots.RecordStream(stream);
        latent.RecordStream(stream);
        rotary?.RecordStream(stream);
        cache.Data.RecordStream(stream);
    }

    // Some columns of [T, D] or [T, KV heads, D] as [T, KV heads, columns].
    private static DLTensor Rows(
        Tensor rows,
        int firstColumn,
        int columns,
        NativeTensors.Dimensions* dimensions
    )
    {
        var native = NativeTensors.Describe(rows, dimensions);
        var withHeads = rows.Rank == 3;
        native.Rank = 3;
        native.Shape[1] = withHeads ? rows.Shape[1] : 1;
        native.Shape[2] = columns;
        native.Strides = native.Shape + Shape.MaxRank;
        native.Strides[1] = withHeads ? rows.Strides[1] : 0;
        native.Strides[2] = 1;
        native.Data =
            rows.ElementCount == 0 || columns == 0
                ? null
                : (byte*)native.Data + (long)firstColumn * DTypes.SizeInBytes(rows.DType);
        return native;
    }
}
