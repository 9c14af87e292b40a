// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.Core.Interop;
using DeepInfra.FlashMla.Interop;

namespace DeepInfra.FlashMla.Cuda;

/// <summary>Enqueues dense decode on a CUDA device.</summary>
internal static unsafe class CudaDecode
{
    private const int TensorCount = 11;

    /// <summary>Validated arguments with all memory on the stream's device.</summary>
    public static void Run(
        MlaDecodePlan plan,
        PlanBuffers buffers,
        Tensor q,
        in KvBlocks cache,
        Tensor<int> blockTable,
        Tensor<int> cacheSeqlens,
        Tensor output,
        Tensor<float> logSumExp,
        CudaStream stream
    )
    {
        var options = plan.Options;
        long batch = plan.Batch;
        long tokens = options.QueryTokens;
        long heads = options.Shape.QueryHeads;
        Unsafe.SkipInit(out DimensionSlots memory);
        Unsafe.SkipInit(out TensorSlots slots);
        var dimensions = (NativeTensors.Dimensions*)&memory;
        var tensors = (DLTensor*)&slots;
        tensors[0] = NativeTensors.Describe(q, &dimensions[0]);
        tensors[1] = NativeTensors.Describe(cache.Data, &dimensions[1]);
        tensors[2] = NativeTensors.Describe(blockTable, &dimensions[2]);
        tensors[3] = NativeTensors.Describe(cacheSeqlens, &dimensions[3]);
        tensors[4] = Compact(buffers.Parts, DType.Int32, 4, [plan.PartCount, 8]);
        tensors[5] = Compact(buffers.SplitOffsets, DType.Int32, 5, [batch + 1]);
        tensors[6] = Compact(buffers.SplitBases, DType.Int32, 6, [batch]);
        tensors[7] = Compact(
            buffers.OutAccumulator,
            DType.Float32,
            7,
            [buffers.Sets, tokens, heads, CudaDecodeSupport.ValueDim]
        );
        tensors[8] = Compact(
            buffers.LseAccumulator,
            DType.Float32,
            8,
            [buffers.Sets, tokens, heads]
        );
        tensors[9] = NativeTensors.Describe(output, &dimensions[9]);
        tensors[10] = NativeTensors.Describe(logSumExp, &dimensions[10]);
        var parameters = new NativeFlashMlaDecodeParams
        {
            StructSize = (uint)sizeof(NativeFlashMlaDecodeParams),
            CacheFormat = (int)FormatOf(cache.Format),
            SoftmaxScale = options.ResolvedScale,
            Causal = options.Causal ? 1u : 0,
            LseBaseTwo = options.LogSumExpBase == LogSumExpBase.Two ? 1u : 0,
            EmptyLseNegative = options.EmptyLogSumExp == EmptyLogSumExp.NegativeInfinity ? 1u : 0,
        };
        using (stream.Use())
            FlashMlaLibrary.Area.ThrowIfFailed(
                FlashMlaNativeMethods.Decode(
                    &tensors[0],
                    &tensors[1],
                    &tensors[2],
                    &tensors[3],
                    &tensors[4],
                    &tensors[5],
                    &tensors[6],
                    &tensors[7],
                    &tensors[8],
                    &tensors[9],
                    &tensors[10],
                    &parameters,
                    stream.SafeHandle
                ),
                nameof(MlaAttention.Decode)
            );
        q.RecordStream(stream);
        cache.Data.RecordStream(stream);
        blockTable.RecordStream(stream);
        cacheSeqlens.RecordStream(stream);
        buffers.RecordStream(stream);
        output.RecordStream(stream);
        logSumExp.RecordStream(stream);

        DLTensor Compact(void* data, DType type, int slot, ReadOnlySpan<long> shape)
        {
            var extents = (long*)&dimensions[slot];
            shape.CopyTo(new Span<long>(extents, shape.Length));
            return new DLTensor
            {
                Data = data,
                Device = new DLDevice((DLDeviceType)2, buffers.Device.Index),
                Rank = shape.Length,
                DataType = DLPackTypes.FromDType(type),
                Shape = extents,
            };
        }
    }

    /// <summary>A format in the native interface.</summary>
    public static NativeFlashMlaCacheFormat FormatOf(KvCacheFormat format) =>
        format switch
        {
            KvCacheFormat.BFloat16 => NativeFlashMlaCacheFormat.Bfloat16,
            KvCacheFormat.Fp8V32 => NativeFlashMlaCacheFormat.Fp8V32,
            _ => NativeFlashMlaCacheFormat.Fp8Model1,
        };

    [InlineArray(TensorCount)]
    private struct DimensionSlots
    {
        private NativeTensors.Dimensions _element;
    }

    [InlineArray(TensorCount)]
    private struct TensorSlots
    {
        private DLTensor _element;
    }
}
