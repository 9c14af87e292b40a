// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.FlashMla.Cpu;

namespace DeepInfra.FlashMla;

public static unsafe partial class MlaAttention
{
    /// <summary>
    /// Token-sparse prefill over plain rows: every query token attends to the rows of its own index list. There is no batch axis: callers
    /// concatenate sequences and offset the indices.
    /// </summary>
    /// <param name="q">Queries <c>[T, h, D]</c>, BFloat16, Float16 or Float32, last axis contiguous.</param>
    /// <param name="kv">Rows <c>[S, 1, D]</c>, BFloat16 or Float16, last axis contiguous; values are the first columns.</param>
    /// <param name="indices">Int32 <c>[T, 1, topk]</c>, last axis contiguous; every value outside <c>[0, S)</c> is invalid and skipped.</param>
    /// <param name="softmaxScale">Factor of the logits, any finite value; null means 1/sqrt(D). Beware: see <see cref="MlaDecodeOptions.SoftmaxScale"/>.</param>
    /// <param name="attnSink">Float32 <c>[h]</c>: attention sink, as in <see cref="DecodeSparse"/>; null for none.</param>
    /// <param name="topKLength">Int32 <c>[T]</c>, contiguous, 0 to topk: only the leftmost entries of a list count; null means all.</param>
    /// <param name="indexerTopK">If positive, the log-sum-exp over the first so many entries is returned, too.</param>
    /// <param name="valueDim">Dv, columns of a row that are the value; null means min(D, 512).</param>
    /// <param name="output">Receives <c>[T, h, Dv]</c>; null allocates one of q's type.</param>
    /// <param name="cpu">Threads and SIMD tier; null means the defaults.</param>
    /// <exception cref="ArgumentException">A type, shape, stride or length is wrong.</exception>
    /// <exception cref="NotSupportedException">CUDA tensors.</exception>
    /// <remarks>Synchronous, thread-safe. The result does not depend on the number of threads.</remarks>
    public static SparsePrefillResult PrefillSparse(
        Tensor q,
        Tensor kv,
        Tensor<int> indices,
        float? softmaxScale = null,
        Tensor<float>? attnSink = null,
        Tensor<int>? topKLength = null,
        int indexerTopK = 0,
        int? valueDim = null,
        Tensor? output = null,
        CpuBackendOptions? cpu = null
    )
    {
        ArgumentCheck.Alive(kv);
        if (kv.DType is not (DType.BFloat16 or DType.Float16))
            throw new ArgumentException(
                $"kv: expected BFloat16 or Float16 elements, got {kv.DType}",
                nameof(kv)
            );
        ArgumentCheck.Rank(kv, 3, "[S, 1, D]", nameof(kv));
        ArgumentCheck.Shape(kv, kv.Shape.With(1, 1), nameof(kv));
        RequireRowLength(kv, nameof(kv));
        ArgumentCheck.LastAxisContiguous(kv, nameof(kv));
        ArgumentCheck.OnCpu(kv, nameof(kv));
        var rowBytes = kv.Strides[0] * DTypes.SizeInBytes(kv.DType);
        var view = new CacheView
        {
            Data = (byte*)kv.DataPointer,
            Format = kv.DType == DType.BFloat16 ? KvCacheFormat.BFloat16 : KvCacheFormat.Float16,
            PageSize = 1,
            SlotCount = kv.Shape[0],
            BlockStride = rowBytes,
        };
        var result = PrefillSparse(
            q,
            view,
            kv,
            nameof(kv),
            (int)kv.Shape[2],
            indices,
            softmaxScale,
            attnSink,
            topKLength,
            indexerTopK,
            valueDim,
            output,
            cpu
        );
        GC.KeepAlive(kv);
        return result;
    }

    /// <summary>Token-sparse prefill over a paged cache in any format; indices are slots (block · page + offset).</summary>
    /// <param name="q">Queries <c>[T, h, D]</c>, BFloat16, Float16 or Float32, last axis contiguous.</param>
    /// <param name="cache">The cache, one KV head.</param>
    /// <param name="indices">Int32 <c>[T, 1, topk]</c>, last axis contiguous; every value outside the cache is invalid and skipped.</param>
    /// <param name="softmaxScale">As for the overload over plain rows.</param>
    /// <param name="attnSink">As for the overload over plain rows.</param>
    /// <param name="topKLength">As for the overload over plain rows.</param>
    /// <param name="indexerTopK">As for the overload over plain rows.</param>
    /// <param name="valueDim">As for the overload over plain rows.</param>
    /// <param name="output">As for the overload over plain rows.</param>
    /// <param name="cpu">As for the overload over plain rows.</param>
    /// <exception cref="ArgumentException">A type, shape, stride or length is wrong.</exception>
    /// <exception cref="NotSupportedException">CUDA tensors.</exception>
    public static SparsePrefillResult PrefillSparse(
        Tensor q,
        KvBlocks cache,
        Tensor<int> indices,
        float? softmaxScale = null,
        Tensor<float>? attnSink = null,
        Tensor<int>? topKLength = null,
        int indexerTopK = 0,
        int? valueDim = null,
        Tensor? output = null,
        CpuBackendOptions? cpu = null
    )
    {
        ArgumentCheck.Alive(cache.Data, nameof(cache));
        if (cache.KvHeads != 1)
            throw new ArgumentException(
                $"cache: expected one KV head, got {cache.KvHeads}",
                nameof(cache)
            );
        ArgumentCheck.OnCpu(cache.Data, nameof(cache));
        var result = PrefillSparse(
            q,
            new CacheView(cache),
            cache.Data,
            nameof(cache),
            cache.HeadDim,
            indices,
            softmaxScale,
            attnSink,
            topKLength,
            indexerTopK,
            valueDim,
            output,
            cpu
        );
        GC.KeepAlive(cache.Data);
        return result;
    }

    private static SparsePrefillResult PrefillSparse(
        Tensor q,
        in CacheView cache,
        Tensor rows,
        string rowsName,
        int headDim,
        Tensor<int> indices,
        float? softmaxScale,
        Tensor<float>? attnSink,
        Tensor<int>? topKLength,
        int indexerTopK,
        int? valueDim,
        Tensor? output,
        CpuBackendOptions? cpu
    )
    {
        ArgumentCheck.Alive(q);
        ArgumentCheck.Alive(indices);
        ArgumentCheck.FloatType(q, nameof(q));
        ArgumentCheck.Rank(q, 3, "[T, h, D]", nameof(q));
        ArgumentCheck.Shape(q, q.Shape.With(2, headDim), nameof(q));
        ArgumentCheck.LastAxisContiguous(q, nameof(q));
        ArgumentCheck.OnCpu(q, nameof(q));
        ArgumentCheck.Rank(indices, 3, "[T, 1, topk]", nameof(indices));
        ArgumentCheck.Shape(indices, [q.Shape[0], 1, indices.Shape[2]], nameof(indices));
        ArgumentCheck.LastAxisContiguous(indices, nameof(indices));
        ArgumentCheck.OnCpu(indices, nameof(indices));
        ArgumentOutOfRangeException.ThrowIfNegative(indexerTopK);
        var topK = checked((int)indices.Shape[2]);
        var heads = checked((int)q.Shape[1]);
        var tokens = checked((int)q.Shape[0]);
        var columns = valueDim ?? Math.Min(headDim, 512);
        if (columns < 1 || columns > headDim)
            throw new ArgumentOutOfRangeException(
                nameof(valueDim),
                $"valueDim: expected a value in [1,{headDim}], got {columns}"
            );
        if (softmaxScale is { } given && !float.IsFinite(given))
            throw new ArgumentOutOfRangeException(
                nameof(softmaxScale),
                $"softmaxScale: expected a finite value, got {given}"
            );
        MlaDecodePlan.CheckLengths(topKLength, tokens, topK, nameof(topKLength));
        ValidateSink(attnSink, heads);
        ValidateOutputs(Device.Cpu, output, [tokens, heads, columns], null, default);
        ArgumentCheck.Separate(output, nameof(output), q, nameof(q));
        ArgumentCheck.Separate(output, nameof(output), rows, rowsName);
        ArgumentCheck.Separate(output, nameof(output), indices, nameof(indices));
        if (attnSink is not null)
            ArgumentCheck.Separate(output, nameof(output), attnSink, nameof(attnSink));
        if (topKLength is not null)
            ArgumentCheck.Separate(output, nameof(output), topKLength, nameof(topKLength));
        output ??= Tensor.Create(q.DType, [tokens, heads, columns], zeroed: false);
        var lse = Tensor<float>.Create([tokens, heads], zeroed: false);
        var max = Tensor<float>.Create([tokens, heads], zeroed: false);
        var indexer = indexerTopK > 0 ? Tensor<float>.Create([tokens, heads], zeroed: false) : null;

        // Every query token is a request of its own.
        var request = new SparseRequest(
            new DecodeArguments
            {
                Query = (byte*)q.DataPointer,
                QueryType = q.DType,
                QueryBatchStride = q.Strides[0],
                QueryHeadStride = q.Strides[1],
                Format = cache.Format,
                Out = (byte*)output.DataPointer,
                OutType = output.DType,
                OutBatchStride = output.Strides[0],
                OutHeadStride = output.Strides[1],
                LogSumExp = lse.DataPointer,
                LseBatchStride = heads,
                LseHeadStride = 1,
                Sink = attnSink is null ? null : attnSink.DataPointer,
                SinkStride = attnSink is null ? 0 : attnSink.Strides[0],
                Batch = tokens,
                PartCount = tokens,
                QueryTokens = 1,
                QueryHeads = heads,
                KvHeads = 1,
                HeadDim = headDim,
                ValueDim = columns,
                Scale = softmaxScale ?? (float)(1 / Math.Sqrt(headDim)),
            },
            new SparseList
            {
                Cache = cache,
                Indices = indices.DataPointer,
                RequestStride = indices.Strides[0],
                TopK = topK,
                Lengths = topKLength is null ? null : topKLength.DataPointer,
            },
            extra: default,
            hasExtra: false
        )
        {
            MaxLogits = max.DataPointer,
            IndexerLogSumExp = indexer is null ? null : indexer.DataPointer,
            IndexerTopK = indexerTopK,
        };
        RunSparse(request, plan: null, cpu ?? CpuBackendOptions.Default);
        FlashMlaMeter.Count(FlashMlaMeter.PrefillSparse, (long)tokens * topK);
        GC.KeepAlive(q);
        GC.KeepAlive(indices);
        GC.KeepAlive(attnSink);
        GC.KeepAlive(topKLength);
        GC.KeepAlive(output);
        return new SparsePrefillResult(output, max, lse, indexer);
    }
}
