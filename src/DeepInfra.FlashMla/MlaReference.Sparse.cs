// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla;

public static partial class MlaReference
{
    /// <summary>
    /// Sparse decode: a query token attends to the valid slots of its list, and of the extra list. With a sink,
    /// <c>out *= 1 / (1 + exp(sink - lse))</c>; the log-sum-exp does not contain it.
    /// </summary>
    /// <param name="q">Queries <c>[b, s, h, D]</c>.</param>
    /// <param name="scope">Main cache and lists.</param>
    /// <param name="extraScope">Extra cache and lists, or null.</param>
    /// <param name="attnSink">Sink per head, or null.</param>
    /// <param name="valueDim">Columns of the keys that are the values.</param>
    /// <param name="scale">Softmax scale.</param>
    /// <returns>Float64 <c>[b, s, h, Dv]</c> and natural log-sum-exp <c>[b, h, s]</c>, +infinity for rows without a valid entry.</returns>
    public static (Tensor<double> Out, Tensor<double> LogSumExp) DecodeSparse(
        Tensor q,
        SparseScope scope,
        SparseScope? extraScope,
        Tensor<float>? attnSink,
        int valueDim,
        double scale
    )
    {
        ArgumentNullException.ThrowIfNull(q);
        var (batch, tokens, heads) = (q.Shape[0], q.Shape[1], q.Shape[2]);
        var output = Tensor<double>.Create([batch, tokens, heads, valueDim]);
        var lse = Tensor<double>.Create([batch, heads, tokens]);
        for (long b = 0; b < batch; b++)
        for (long s = 0; s < tokens; s++)
        {
            var keys = new List<double[]>();
            AddKeys(keys, scope, b, s);
            if (extraScope is { } extra)
                AddKeys(keys, extra, b, s);
            for (long head = 0; head < heads; head++)
            {
                var row = output.AsView().Row(b, s, head);
                var sum = Attend(ReferenceRows.Row(q, b, s, head), keys, keys, scale, row);
                lse[b, head, s] = sum;
                ApplySink(row, sum, attnSink is null ? double.NegativeInfinity : attnSink[head]);
            }
        }
        return (output, lse);
    }

    /// <summary>Sparse prefill over plain rows.</summary>
    /// <param name="q">Queries <c>[T, h, D]</c>.</param>
    /// <param name="kv">Rows <c>[S, 1, D]</c>.</param>
    /// <param name="indices">Int32 <c>[T, 1, topk]</c>.</param>
    /// <param name="topKLength">Int32 <c>[T]</c>, or null.</param>
    /// <param name="attnSink">Sink per head, or null.</param>
    /// <param name="indexerTopK">Entries of the indexer's log-sum-exp.</param>
    /// <param name="valueDim">Columns of the rows that are the values.</param>
    /// <param name="scale">Softmax scale.</param>
    /// <returns>Float64 output <c>[T, h, Dv]</c>, and <c>[T, h]</c>: largest logit, natural log-sum-exp, log-sum-exp of the first entries.</returns>
    public static (
        Tensor<double> Out,
        Tensor<double> MaxLogits,
        Tensor<double> LogSumExp,
        Tensor<double> IndexerLogSumExp
    ) PrefillSparse(
        Tensor q,
        Tensor kv,
        Tensor<int> indices,
        Tensor<int>? topKLength,
        Tensor<float>? attnSink,
        int indexerTopK,
        int valueDim,
        double scale
    )
    {
        ArgumentNullException.ThrowIfNull(q);
        ArgumentNullException.ThrowIfNull(kv);
        ArgumentNullException.ThrowIfNull(indices);
        var (tokens, heads) = (q.Shape[0], q.Shape[1]);
        var output = Tensor<double>.Create([tokens, heads, valueDim]);
        var max = Tensor<double>.Create([tokens, heads]);
        var lse = Tensor<double>.Create([tokens, heads]);
        var indexer = Tensor<double>.Create([tokens, heads]);
        var ignored = new double[valueDim];
        for (long t = 0; t < tokens; t++)
        {
            var keys = new List<double[]>();
            var indexed = 0;
            var length = topKLength is null ? indices.Shape[2] : topKLength[t];
            for (long i = 0; i < length; i++)
            {
                var index = indices[t, 0, i];
                if (index < 0 || index >= kv.Shape[0])
                    continue;
                keys.Add(ReferenceRows.Row(kv, index, 0));
                if (i < indexerTopK)
                    indexed = keys.Count;
            }
            for (long head = 0; head < heads; head++)
            {
                var query = ReferenceRows.Row(q, t, head);
                var row = output.AsView().Row(t, head);
                lse[t, head] = Attend(query, keys, keys, scale, row);
                ApplySink(
                    row,
                    lse[t, head],
                    attnSink is null ? double.NegativeInfinity : attnSink[head]
                );
                max[t, head] = double.NegativeInfinity;
                foreach (var key in keys)
                    max[t, head] = Math.Max(max[t, head], scale * ReferenceRows.Dot(query, key));
                var first = keys.GetRange(0, indexed);
                indexer[t, head] = Attend(query, first, first, scale, ignored);
            }
        }
        return (output, max, lse, indexer);
    }

    private static void AddKeys(List<double[]> keys, SparseScope scope, long b, long s)
    {
        var slots = (long)scope.Cache.BlockCount * scope.Cache.PageSize;
        var length = scope.Lengths is null ? scope.Indices.Shape[2] : scope.Lengths[b];
        for (long i = 0; i < length; i++)
        {
            var index = scope.Indices[b, s, i];
            if (index >= 0 && index < slots)
                keys.Add(
                    ReferenceRows.CacheRow(
                        scope.Cache,
                        index / scope.Cache.PageSize,
                        index % scope.Cache.PageSize,
                        0
                    )
                );
        }
    }

    private static void ApplySink(Span<double> row, double lse, double sink)
    {
        if (double.IsPositiveInfinity(lse))
            return;
        var factor = 1 / (1 + Math.Exp(sink - lse));
        foreach (ref var x in row)
            x *= factor;
    }
}
